# Arguments: a folder with model.txt (every parameter), data.csv, options.csv (key, value).
# Writes terms.csv and version.txt there.
folder <- commandArgs(trailingOnly = TRUE)[1]
suppressPackageStartupMessages(library(lavaan))
table <- read.csv(file.path(folder, "options.csv"), colClasses = "character")
given <- split(table$value, table$key)
data <- read.csv(file.path(folder, "data.csv"), check.names = FALSE)
data$group <- as.character(data$group)

arguments <- list(model = paste(readLines(file.path(folder, "model.txt")), collapse = "\n"), data = data)
for (name in intersect(names(given), c("estimator", "missing", "group", "ordered", "parameterization",
                                       "information", "likelihood")))
  arguments[[name]] <- given[[name]]
if (!is.null(given$meanstructure)) arguments$meanstructure <- given$meanstructure == "TRUE"

fit <- do.call(lavaan, arguments)
estimates <- as.data.frame(parameterEstimates(fit, ci = FALSE, remove.nonfree = FALSE))
estimates <- estimates[!estimates$op %in% c("==", "<", ">", ":="), ]
groups <- lavInspect(fit, "group.label")
group <- if (length(groups) > 1) groups[estimates$group] else rep("", nrow(estimates))
op <- ifelse(estimates$op == "~1", "~1", estimates$op)
measures <- fitMeasures(fit)
wanted <- intersect(c("chisq", "df", "chisq.scaled", "cfi", "tli", "rmsea", "srmr", "logl"), names(measures))
part <- function(quantity, value)
  data.frame(quantity = quantity, group = group, lhs = estimates$lhs, op = op, rhs = estimates$rhs, value = value)
rows <- rbind(
  part("estimate", estimates$est),
  part("std_error", estimates$se),
  data.frame(quantity = "fit", group = "", lhs = wanted, op = "", rhs = "", value = as.numeric(measures[wanted])))
rows$value <- formatC(rows$value, digits = 17, format = "g")
write.csv(rows, file.path(folder, "terms.csv"), row.names = FALSE)
writeLines(as.character(packageVersion("lavaan")), file.path(folder, "version.txt"))
