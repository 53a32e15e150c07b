# Arguments: a folder with data.csv (categories from 0, NA missing) and options.csv (key, value).
# Writes terms.csv and version.txt there. One factor, one group, 61 nodes over [-6, 6].
folder <- commandArgs(trailingOnly = TRUE)[1]
suppressPackageStartupMessages(library(mirt))
data <- read.csv(file.path(folder, "data.csv"), check.names = FALSE)
table <- read.csv(file.path(folder, "options.csv"), colClasses = "character")
given <- split(table$value, table$key)

fit <- mirt(data, 1, itemtype = given$itemtype, quadpts = 61, technical = list(theta_lim = c(-6, 6)),
            TOL = 1e-7, verbose = FALSE)
found <- coef(fit, simplify = TRUE)$items
rows <- data.frame(quantity = "estimate",
                   term = paste(rep(rownames(found), ncol(found)), rep(colnames(found), each = nrow(found))),
                   value = as.vector(found))
rows <- rows[!is.na(rows$value), ]
rows <- rbind(rows, data.frame(quantity = "fit", term = "loglik", value = extract.mirt(fit, "logLik")))
rows$value <- formatC(rows$value, digits = 17, format = "g")
write.csv(rows, file.path(folder, "terms.csv"), row.names = FALSE)
writeLines(as.character(packageVersion("mirt")), file.path(folder, "version.txt"))
