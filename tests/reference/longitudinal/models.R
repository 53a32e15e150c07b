# Measurement invariance over three occasions, every model written out in lavaan syntax.
# Run in this folder: Rscript models.R > lavaan.json        (R 4.2.2, lavaan 0.6-14)
# data.csv is simulated: one factor, five items, the second item shifts at the second occasion and the fourth loads more
# at the third; residuals of an item share a part over occasions. Ordered answers are the same data cut in four.
suppressMessages(library(lavaan))
items <- 1:5; rounds <- 1:3
line <- function(...) paste0(..., collapse = "\n")
pairs <- function(f) line(sapply(list(c(1,2), c(1,3), c(2,3)), function(p) f(p[1], p[2])))
residual_covariances <- line(sapply(items, function(i) pairs(function(s, t) sprintf("x%d_%d ~~ x%d_%d", i, s, i, t))))
loadings <- function(equal) line(sapply(rounds, function(t) sprintf("f%d =~ NA*x1_%d + %s", t, t, paste(sapply(items, function(i)
  if (equal) sprintf("l%d*x%d_%d", i, i, t) else sprintf("x%d_%d", i, t)), collapse = " + "))))
factors <- function(var_free, mean_free) line(sapply(rounds, function(t) sprintf("f%d ~~ %s*f%d\nf%d ~ %s*1",
  t, if (t > 1 && var_free) "NA" else "1", t, t, if (t > 1 && mean_free) "NA" else "0")))
factor_covariances <- "f1 ~~ f2 + f3\nf2 ~~ f3"
intercepts <- function(label) line(sapply(rounds, function(t) line(sapply(items, function(i) sprintf("x%d_%d ~ %s*1", i, t, label(i, t))))))
residuals <- function(label) line(sapply(rounds, function(t) line(sapply(items, function(i) sprintf("x%d_%d ~~ %s*x%d_%d", i, t, label(i, t), i, t)))))
none <- function(i, t) "NA"
head <- function(...) paste(..., factor_covariances, residual_covariances, sep = "\n")
continuous <- list(
  configural = head(loadings(FALSE), factors(FALSE, FALSE), intercepts(none)),
  metric = head(loadings(TRUE), factors(TRUE, FALSE), intercepts(none)),
  scalar = head(loadings(TRUE), factors(TRUE, TRUE), intercepts(function(i, t) sprintf("i%d", i))),
  strict = head(loadings(TRUE), factors(TRUE, TRUE), intercepts(function(i, t) sprintf("i%d", i)), residuals(function(i, t) sprintf("e%d", i))),
  means = head(loadings(TRUE), factors(TRUE, FALSE), intercepts(function(i, t) sprintf("i%d", i)), residuals(function(i, t) sprintf("e%d", i))))
thresholds <- function(equal) line(sapply(rounds, function(t) line(sapply(items, function(i) sprintf("x%d_%d | %s", i, t,
  paste(sapply(1:3, function(k) if (equal) sprintf("th%d%d*t%d", i, k, k) else sprintf("t%d", k)), collapse = " + "))))))
later <- function(free) function(i, t) if (t > 1 && free) "NA" else "0"
scales <- function(free) function(i, t) if (t > 1 && free) "NA" else "1"
ordinal <- list(
  configural = head(loadings(FALSE), factors(FALSE, FALSE), thresholds(FALSE), intercepts(later(FALSE)), residuals(scales(FALSE))),
  thresholds = head(loadings(FALSE), factors(FALSE, FALSE), thresholds(TRUE), intercepts(later(TRUE)), residuals(scales(TRUE))),
  loadings = head(loadings(TRUE), factors(TRUE, FALSE), thresholds(TRUE), intercepts(later(TRUE)), residuals(scales(TRUE))),
  intercepts = head(loadings(TRUE), factors(TRUE, TRUE), thresholds(TRUE), intercepts(later(FALSE)), residuals(scales(TRUE))),
  residuals = head(loadings(TRUE), factors(TRUE, TRUE), thresholds(TRUE), intercepts(later(FALSE)), residuals(scales(FALSE))),
  means = head(loadings(TRUE), factors(TRUE, FALSE), thresholds(TRUE), intercepts(later(FALSE)), residuals(scales(FALSE))))
measures <- function(fit) {
  m <- fitMeasures(fit)
  pick <- intersect(c("npar", "chisq", "df", "chisq.scaled", "cfi", "cfi.scaled", "rmsea", "rmsea.scaled", "srmr"), names(m))
  sprintf("{%s}", paste(sprintf("\"%s\": %.12g", pick, m[pick]), collapse = ", "))
}
entry <- function(case, fits, method, ...) {
  rows <- sprintf("    \"%s\": %s", names(fits), sapply(fits, measures))
  tests <- sapply(2:length(fits), function(k) {
    d <- lavTestLRT(fits[[k - 1]], fits[[k]], method = method, ...)
    sprintf("    \"%s|%s\": [%.12g, %d]", names(fits)[k - 1], names(fits)[k], d[["Chisq diff"]][2], d[["Df diff"]][2])
  })
  sprintf("  \"%s\": {\n%s\n  }", case, paste(c(rows, tests), collapse = ",\n"))
}
data <- read.csv("data.csv")
columns <- grep("^x", names(data), value = TRUE)
answers <- data
answers[columns] <- lapply(data[columns], findInterval, c(-0.85, 0.15, 1.05))
smooth <- function(estimator) lapply(continuous, lavaan, data = data, meanstructure = TRUE, auto.var = TRUE, estimator = estimator)
steps <- lapply(ordinal, lavaan, data = answers, ordered = columns, parameterization = "theta", estimator = "WLSMV")
several <- function(model) {
  model <- gsub("(l[0-9]|i[0-9]|th[0-9]+)\\*", "c(\\1,\\1)*", model)
  gsub("=~ NA\\*", "=~ c(NA,NA)*", model)
}
first <- function(t) sprintf("f%d ~~ %s*f%d\nf%d ~ %s*1", t, if (t > 1) "c(NA,NA)" else "c(1,NA)", t, t,
                             if (t > 1) "c(NA,NA)" else "c(0,NA)")
two <- list(
  scalar = head(loadings(TRUE), line(sapply(rounds, first)), intercepts(function(i, t) sprintf("i%d", i)),
                residuals(function(i, t) "c(NA,NA)")),
  intercepts = head(loadings(TRUE), line(sapply(rounds, first)), thresholds(TRUE), intercepts(function(i, t) "c(0,0)"),
                    residuals(function(i, t) if (t > 1) "c(NA,NA)" else "c(1,NA)")))
groups <- list(
  scalar = lavaan(several(two$scalar), data = data, group = "sex", meanstructure = TRUE),
  intercepts = lavaan(several(two$intercepts), data = answers, group = "sex", ordered = columns,
                      parameterization = "theta", estimator = "WLSMV"))
cat("{\n", paste(c(
  entry("ML", smooth("ML"), "default"), entry("MLR", smooth("MLR"), "satorra.bentler.2001"),
  entry("WLSMV", steps, "satorra.2000", A.method = "delta"),
  sprintf("  \"groups\": {\n%s\n  }", paste(sprintf("    \"%s\": %s", names(groups), sapply(groups, measures)), collapse = ",\n"))
), collapse = ",\n"), "\n}\n", sep = "")
