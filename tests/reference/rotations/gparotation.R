# Every rotation of four minres factors of 24 psychological tests (Harman 1976, p. 124; datasets::Harman74.cor), the
# best of five starts of GPArotation: run in this folder, `Rscript gparotation.R`; numbers rounded to nine decimals.
library(psych)
library(GPArotation)
set.seed(1)
A <- unname(unclass(fa(Harman74.cor$cov, 4, n.obs = 145, fm = "minres", rotate = "none")$loadings))
best <- function(method, ...) {
  kept <- NULL
  for (start in 1:5) {
    T0 <- if (start == 1) diag(4) else Random.Start(4)
    found <- try(suppressWarnings(method(A, Tmat = T0, eps = 1e-6, maxit = 3000, ...)), silent = TRUE)
    if (inherits(found, "try-error") || !found$convergence) next
    f <- unname(found$Table[nrow(found$Table), 2])
    if (is.null(kept) || f < kept$f) {
      phi <- if (is.null(found$Phi)) diag(4) else unname(found$Phi)
      kept <- list(f = f, loadings = unname(unclass(found$loadings)), phi = phi)
    }
  }
  kept
}
answer <- list(
  unrotated = A, quartimin = best(quartimin), oblimin_half = best(oblimin, gam = -0.5), geominQ = best(geominQ),
  geominT = best(geominT), bentlerQ = best(bentlerQ), bentlerT = best(bentlerT), infomaxQ = best(infomaxQ),
  infomaxT = best(infomaxT), quartimax = best(quartimax), Varimax = best(Varimax), entropy = best(entropy),
  cfQ_var = best(cfQ, kappa = 1 / 24), cfQ_equamax = best(cfQ, kappa = 4 / 48),
  cfQ_parsimax = best(cfQ, kappa = 3 / 26), cfT_equamax = best(cfT, kappa = 4 / 48),
  cfT_parsimax = best(cfT, kappa = 3 / 26), tandemI = best(tandemI), tandemII = best(tandemII),
  simplimax = best(simplimax, k = 72), bifactorT = best(bifactorT), bifactorQ = best(bifactorQ),
  biquartimin = best(oblimin, gam = 0.5),
  promax = list(loadings = unname(unclass(promax(varimax(A, eps = 1e-14)$loadings)$loadings)))
)
jsonlite::write_json(answer, "gparotation.json", digits = NA, auto_unbox = TRUE, matrix = "rowmajor")
