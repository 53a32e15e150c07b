# Arguments: a folder with correlations.csv, options.csv (key, value).
# Writes loadings.csv, phi.csv, uniquenesses.csv and version.txt there.
folder <- commandArgs(trailingOnly = TRUE)[1]
suppressPackageStartupMessages(library(psych))
R <- as.matrix(read.csv(file.path(folder, "correlations.csv"), check.names = FALSE))
rownames(R) <- colnames(R)
table <- read.csv(file.path(folder, "options.csv"), colClasses = "character")
given <- split(table$value, table$key)

normalize <- given$normalize == "TRUE"
varimax_after <- given$rotation == "varimax"
rotate <- if (varimax_after) "none" else given$rotation
sharp <- if (rotate == "none") list() else list(eps = 1e-10, normalize = normalize)
fit <- do.call(fa, c(list(R, nfactors = as.integer(given$n_factors), n.obs = as.numeric(given$n_obs),
                          rotate = rotate, fm = given$extraction, max.iter = 10000, min.err = 1e-12),
                     sharp))
loadings <- unclass(fit$loadings)
# psych calls stats::varimax with its loose default; the same rotation to the last digits:
if (varimax_after && ncol(loadings) > 1) {
  loadings <- unclass(stats::varimax(loadings, normalize = normalize, eps = 1e-14)$loadings)
}
phi <- if (is.null(fit$Phi)) diag(ncol(loadings)) else fit$Phi
save <- function(x, name) {
  write.table(formatC(as.matrix(x), digits = 17, format = "g"), file.path(folder, name), sep = ",",
              row.names = FALSE, col.names = FALSE, quote = FALSE)
}
save(loadings, "loadings.csv")
save(phi, "phi.csv")
save(fit$uniquenesses, "uniquenesses.csv")
writeLines(as.character(packageVersion("psych")), file.path(folder, "version.txt"))
