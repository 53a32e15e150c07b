# Sample statistics of ordered and continuous variables together and their asymptotic covariance (NACOV), as lavaan
# computes them for weighted least squares: run in this folder, `Rscript lavaan.R`. The data are nine tests of the 301
# pupils of Holzinger & Swineford (1939), as in lavaan::HolzingerSwineford1939; four of them are cut into categories.
library(lavaan)
tests <- paste0("x", 1:9)
data <- HolzingerSwineford1939[, tests]
write.csv(data, "hs1939.csv", row.names = FALSE)
cuts <- list(x1 = c(4.2, 5.6), x4 = c(2, 3, 4), x7 = 4.1, x9 = c(4.2, 5, 5.7, 6.6))
for (test in names(cuts)) data[[test]] <- findInterval(data[[test]], cuts[[test]])
saturated <- paste(combn(tests, 2, paste, collapse = " ~~ "), collapse = "\n")
result <- function(data, missing) {
  fit <- lavaan(saturated, data, ordered = names(cuts), estimator = "WLS", missing = missing, auto.var = TRUE,
                auto.th = TRUE, int.ov.free = TRUE, do.fit = FALSE)
  sample <- lavInspect(fit, "sampstat")
  list(covariance = unclass(sample$cov), means = unclass(sample$mean), thresholds = unclass(sample$th),
       statistics = unclass(lavInspect(fit, "wls.obs")), gamma = unclass(lavInspect(fit, "gamma")),
       names = names(lavInspect(fit, "wls.obs")))
}
incomplete <- data
incomplete$x2[seq(3, 301, 7)] <- NA
incomplete$x7[seq(5, 301, 9)] <- NA
answer <- list(version = as.character(packageVersion("lavaan")), R = R.version.string, cuts = cuts,
               complete = result(data, "listwise"), pairwise = result(incomplete, "pairwise"))
jsonlite::write_json(answer, "lavaan.json", digits = NA, auto_unbox = TRUE, matrix = "rowmajor")
