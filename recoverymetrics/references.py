"""The bibliography: each paper is written once here and cited by key from docstrings and reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One cited work.

    Attributes
    ----------
    key : str
        Short key, first author and year, lower case.
    citation : str
        Authors, year, journal, volume, pages.
    doi : str
        Digital object identifier, or ``""`` when none is known.
    """

    key: str
    citation: str
    doi: str = ""


def cite(key: str) -> Reference:
    """Look up a reference by its key.

    Parameters
    ----------
    key : str
        A key of ``BIBLIOGRAPHY``.

    Returns
    -------
    Reference

    Raises
    ------
    KeyError
        When the key is not in the bibliography.

    Examples
    --------
    >>> cite("cronbach1951").citation
    'Cronbach LJ (1951). Psychometrika 16:297-334'
    """
    return BIBLIOGRAPHY[key]


_ENTRIES = (
    Reference(
        "guerrero2025",
        "Guerrero E, Barrios M, Sampietro HM, Aza A, Guilera G, Gomez-Benito J (2025). Soc Sci Med 381:118302",
        "10.1016/j.socscimed.2025.118302",
    ),
    Reference(
        "guerrero2024",
        "Guerrero E, Barrios M, Sampietro HM, Aza A, Gomez-Benito J, Guilera G (2024). Epidemiol Psychiatr Sci 33",
    ),
    Reference("cronbach1951", "Cronbach LJ (1951). Psychometrika 16:297-334", "10.1007/BF02310555"),
    Reference("samejima1969", "Samejima F (1969). Psychometrika Monograph Supplement 17"),
    Reference("chen2007", "Chen FF (2007). Struct Equ Modeling 14:464-504", "10.1080/10705510701301834"),
    Reference(
        "wuestabrook2016", "Wu H, Estabrook R (2016). Psychometrika 81:1014-1045", "10.1007/s11336-016-9506-0"
    ),
    Reference(
        "choi2011", "Choi SW, Gibbons LE, Crane PK (2011). J Stat Softw 39(8):1-30", "10.18637/jss.v039.i08"
    ),
    Reference("fleishman1978", "Fleishman AI (1978). Psychometrika 43:521-532", "10.1007/BF02293811"),
    Reference(
        "valemaurelli1983", "Vale CD, Maurelli VA (1983). Psychometrika 48:465-471", "10.1007/BF02293687"
    ),
    Reference("dempster1977", "Dempster AP, Laird NM, Rubin DB (1977). J R Stat Soc B 39:1-38"),
    Reference(
        "dunn2018",
        "Dunn AM, Heggestad ED, Shanock LR, Theilgard N (2018). J Bus Psychol 33:105-121",
        "10.1007/s10869-016-9479-0",
    ),
    Reference(
        "gottfried2022", "Gottfried J, Jezek S, Kralova M, Rihacek T (2022). Pract Assess Res Eval 27:2"
    ),
    Reference(
        "joanesgill1998", "Joanes DN, Gill CA (1998). The Statistician 47:183-189", "10.1111/1467-9884.00122"
    ),
    Reference("linacre2002", "Linacre JM (2002). J Appl Meas 3:85-106"),
    Reference(
        "little1988", "Little RJA (1988). J Am Stat Assoc 83:1198-1202", "10.1080/01621459.1988.10478722"
    ),
    Reference("meadecraig2012", "Meade AW, Craig SB (2012). Psychol Methods 17:437-455", "10.1037/a0028085"),
    Reference(
        "terwee2007", "Terwee CB, et al. (2007). J Clin Epidemiol 60:34-42", "10.1016/j.jclinepi.2006.03.012"
    ),
    Reference("feldt1965", "Feldt LS (1965). Psychometrika 30:357-370", "10.1007/BF02289499"),
    Reference("feldt1980", "Feldt LS (1980). Psychometrika 45:99-105", "10.1007/BF02293600"),
    Reference("feldt1969", "Feldt LS (1969). Psychometrika 34:363-373", "10.1007/BF02289364"),
    Reference(
        "hakstian1976", "Hakstian AR, Whalen TE (1976). Psychometrika 41:219-231", "10.1007/BF02291840"
    ),
    Reference(
        "vanzyl2000", "van Zyl JM, Neudecker H, Nel DG (2000). Psychometrika 65:271-280", "10.1007/BF02296146"
    ),
    Reference(
        "duhachek2004",
        "Duhachek A, Iacobucci D (2004). J Appl Psychol 89:792-808",
        "10.1037/0021-9010.89.5.792",
    ),
    Reference(
        "maydeu2007",
        "Maydeu-Olivares A, Coffman DL, Hartmann WM (2007). Psychol Methods 12:157-176",
        "10.1037/1082-989X.12.2.157",
    ),
    Reference("mcdonald1999", "McDonald RP (1999). Test theory: a unified treatment. Erlbaum"),
    Reference("bentler2009", "Bentler PM (2009). Psychometrika 74:137-143", "10.1007/s11336-008-9100-1"),
    Reference(
        "kelley2016", "Kelley K, Pornprasertmanit S (2016). Psychol Methods 21:69-92", "10.1037/a0040086"
    ),
    Reference("raykov2001", "Raykov T (2001). Br J Math Stat Psychol 54:315-323", "10.1348/000711001159582"),
    Reference("guttman1945", "Guttman L (1945). Psychometrika 10:255-282", "10.1007/BF02288892"),
    Reference(
        "tenberge1978", "ten Berge JMF, Zegers FE (1978). Psychometrika 43:575-579", "10.1007/BF02293815"
    ),
    Reference(
        "jackson1977", "Jackson PH, Agunwamba CC (1977). Psychometrika 42:567-578", "10.1007/BF02295979"
    ),
    Reference(
        "shapiro2000", "Shapiro A, ten Berge JMF (2000). Psychometrika 65:413-425", "10.1007/BF02296154"
    ),
    Reference(
        "zumbo2007",
        "Zumbo BD, Gadermann AM, Zeisser C (2007). J Mod Appl Stat Methods 6:21-29",
        "10.22237/jmasm/1177992180",
    ),
    Reference(
        "chalmers2018", "Chalmers RP (2018). Educ Psychol Meas 78:1056-1071", "10.1177/0013164417727036"
    ),
    Reference(
        "greenyang2009", "Green SB, Yang Y (2009). Psychometrika 74:155-167", "10.1007/s11336-008-9099-3"
    ),
    Reference(
        "zinbarg2005",
        "Zinbarg RE, Revelle W, Yovel I, Li W (2005). Psychometrika 70:123-133",
        "10.1007/s11336-003-0974-7",
    ),
    Reference("schmid1957", "Schmid J, Leiman JM (1957). Psychometrika 22:53-61", "10.1007/BF02289209"),
    Reference("reise2012", "Reise SP (2012). Multivar Behav Res 47:667-696", "10.1080/00273171.2012.715555"),
    Reference(
        "fornell1981", "Fornell C, Larcker DF (1981). J Mark Res 18:39-50", "10.1177/002224378101800104"
    ),
    Reference(
        "henseler2015",
        "Henseler J, Ringle CM, Sarstedt M (2015). J Acad Mark Sci 43:115-135",
        "10.1007/s11747-014-0403-8",
    ),
    Reference(
        "roemer2021",
        "Roemer E, Schuberth F, Henseler J (2021). Ind Manag Data Syst 121:2637-2650",
        "10.1108/IMDS-02-2021-0082",
    ),
    Reference("zou2007", "Zou GY (2007). Psychol Methods 12:399-413", "10.1037/1082-989X.12.4.399"),
    Reference("zou2013", "Zou GY (2013). Stat Methods Med Res 22:630-642", "10.1177/0962280211402548"),
    Reference(
        "shrout1979", "Shrout PE, Fleiss JL (1979). Psychol Bull 86:420-428", "10.1037/0033-2909.86.2.420"
    ),
    Reference("mcgraw1996", "McGraw KO, Wong SP (1996). Psychol Methods 1:30-46", "10.1037/1082-989X.1.1.30"),
    Reference(
        "tenhove2022",
        "ten Hove D, Jorgensen TD, van der Ark LA (2022). Psychol Methods",
        "10.1037/met0000516",
    ),
    Reference("cohen1960", "Cohen J (1960). Educ Psychol Meas 20:37-46", "10.1177/001316446002000104"),
    Reference("cohen1968", "Cohen J (1968). Psychol Bull 70:213-220", "10.1037/h0026256"),
    Reference(
        "fleiss1969", "Fleiss JL, Cohen J, Everitt BS (1969). Psychol Bull 72:323-327", "10.1037/h0028106"
    ),
    Reference("fleiss1971", "Fleiss JL (1971). Psychol Bull 76:378-382", "10.1037/h0031619"),
    Reference("gwet2008", "Gwet KL (2008). Br J Math Stat Psychol 61:29-48", "10.1348/000711006X126600"),
    Reference("gwet2014", "Gwet KL (2014). Handbook of inter-rater reliability, 4th ed. Advanced Analytics"),
    Reference("krippendorff2004", "Krippendorff K (2004). Content analysis, 2nd ed. Sage"),
    Reference(
        "kendall1939",
        "Kendall MG, Babington Smith B (1939). Ann Math Stat 10:275-287",
        "10.1214/aoms/1177732186",
    ),
    Reference(
        "devet2006",
        "de Vet HCW, Terwee CB, Knol DL, Bouter LM (2006). J Clin Epidemiol 59:1033-1039",
        "10.1016/j.jclinepi.2005.10.015",
    ),
    Reference(
        "blandaltman1999",
        "Bland JM, Altman DG (1999). Stat Methods Med Res 8:135-160",
        "10.1177/096228029900800204",
    ),
    Reference(
        "blandaltman2007",
        "Bland JM, Altman DG (2007). J Biopharm Stat 17:571-582",
        "10.1080/10543400701329422",
    ),
    Reference("carkeet2015", "Carkeet A (2015). Optom Vis Sci 92:e71-e80", "10.1097/OPX.0000000000000513"),
    Reference(
        "jacobson1991",
        "Jacobson NS, Truax P (1991). J Consult Clin Psychol 59:12-19",
        "10.1037/0022-006X.59.1.12",
    ),
    Reference(
        "christensen1986",
        "Christensen L, Mendoza JL (1986). Behav Ther 17:305-308",
        "10.1016/S0005-7894(86)80060-0",
    ),
    Reference(
        "speer1992", "Speer DC (1992). J Consult Clin Psychol 60:402-408", "10.1037/0022-006X.60.3.402"
    ),
    Reference(
        "chelune1993",
        "Chelune GJ, Naugle RI, Lueders H, Sedlak J, Awad IA (1993). Neuropsychology 7:41-52",
        "10.1037/0894-4105.7.1.41",
    ),
    Reference(
        "iverson2001", "Iverson GL (2001). Arch Clin Neuropsychol 16:183-191", "10.1093/arclin/16.2.183"
    ),
    Reference("hsu1989", "Hsu LM (1989). Behav Assess 11:459-467"),
    Reference("nunnally1983", "Nunnally JC, Kotsch WE (1983). Br J Clin Psychol 22:83-93"),
    Reference(
        "lordnovick1968",
        "Lord FM, Novick MR (1968). Statistical Theories of Mental Test Scores. Addison-Wesley",
    ),
    Reference(
        "hageman1999",
        "Hageman WJJM, Arrindell WA (1999). Behav Res Ther 37:1169-1193",
        "10.1016/S0005-7967(99)00032-7",
    ),
    Reference("lord1955", "Lord FM (1955). Educ Psychol Meas 15:325-336", "10.1177/001316445501500401"),
    Reference("mollenkopf1949", "Mollenkopf WG (1949). Psychometrika 14:189-229", "10.1007/BF02289153"),
    Reference(
        "thorndike1951",
        "Thorndike RL (1951). Reliability. In: Lindquist EF (ed), Educational Measurement. ACE, 560-620",
    ),
    Reference(
        "feldt1985",
        "Feldt LS, Steffen M, Gupta NC (1985). Appl Psychol Meas 9:351-361",
        "10.1177/014662168500900402",
    ),
    Reference(
        "lord1980",
        "Lord FM (1980). Applications of Item Response Theory to Practical Testing Problems. Erlbaum",
    ),
    Reference("keats1957", "Keats JA (1957). Psychometrika 22:29-41", "10.1007/BF02289207"),
    Reference(
        "feldtqualls1996",
        "Feldt LS, Qualls AL (1996). J Educ Meas 33:141-156",
        "10.1111/j.1745-3984.1996.tb00486.x",
    ),
    Reference("brennan1998", "Brennan RL (1998). Appl Psychol Meas 22:307-331", "10.1177/014662169802200401"),
    Reference(
        "cheungrensvold2002",
        "Cheung GW, Rensvold RB (2002). Struct Equ Modeling 9:233-255",
        "10.1207/S15328007SEM0902_5",
    ),
    Reference(
        "rutkowskisvetina2014",
        "Rutkowski L, Svetina D (2014). Educ Psychol Meas 74:31-57",
        "10.1177/0013164413498257",
    ),
    Reference(
        "rutkowskisvetina2017",
        "Rutkowski L, Svetina D (2017). Appl Meas Educ 30:39-51",
        "10.1080/08957347.2016.1243540",
    ),
    Reference(
        "meade2008",
        "Meade AW, Johnson EC, Braddy PW (2008). J Appl Psychol 93:568-592",
        "10.1037/0021-9010.93.3.568",
    ),
    Reference("joreskog1971", "Joreskog KG (1971). Psychometrika 36:409-426", "10.1007/BF02291366"),
    Reference(
        "byrne1989",
        "Byrne BM, Shavelson RJ, Muthen B (1989). Psychol Bull 105:456-466",
        "10.1037/0033-2909.105.3.456",
    ),
    Reference("boos1992", "Boos DD (1992). Am Stat 46:327-333", "10.1080/00031305.1992.10475921"),
    Reference(
        "liu2017", "Liu Y, Millsap RE, West SG et al (2017). Psychol Methods 22:486-506", "10.1037/met0000075"
    ),
    Reference(
        "widaman2010",
        "Widaman KF, Ferrer E, Conger RD (2010). Child Dev Perspect 4:10-18",
        "10.1111/j.1750-8606.2009.00110.x",
    ),
    Reference(
        "nye2019",
        "Nye CD, Bradburn J, Olenick J et al (2019). Organ Res Methods 22:678-709",
        "10.1177/1094428118761122",
    ),
    Reference(
        "gunn2020",
        "Gunn HJ, Grimm KJ, Edwards MC (2020). Struct Equ Modeling 27:503-514",
        "10.1080/10705511.2019.1689507",
    ),
    Reference("nyedrasgow2011", "Nye CD, Drasgow F (2011). J Appl Psychol 96:966-980", "10.1037/a0022955"),
    Reference(
        "asparouhovmuthen2014",
        "Asparouhov T, Muthen B (2014). Struct Equ Modeling 21:495-508",
        "10.1080/10705511.2014.919210",
    ),
    Reference("raju1988", "Raju NS (1988). Psychometrika 53:495-502", "10.1007/BF02294403"),
    Reference("raju1990", "Raju NS (1990). Appl Psychol Meas 14:197-207", "10.1177/014662169001400208"),
    Reference(
        "raju1995",
        "Raju NS, van der Linden WJ, Fleer PF (1995). Appl Psychol Meas 19:353-368",
        "10.1177/014662169501900405",
    ),
    Reference(
        "oshima2006",
        "Oshima TC, Raju NS, Nanda AO (2006). J Educ Meas 43:1-17",
        "10.1111/j.1745-3984.2006.00001.x",
    ),
    Reference(
        "kim1995",
        "Kim SH, Cohen AS, Park TH (1995). J Educ Meas 32:261-276",
        "10.1111/j.1745-3984.1995.tb00466.x",
    ),
    Reference(
        "langer2008",
        "Langer MM (2008). A reexamination of Lord's Wald test for differential item functioning",
    ),
    Reference(
        "woods2013",
        "Woods CM, Cai L, Wang M (2013). Educ Psychol Meas 73:532-547",
        "10.1177/0013164412464875",
    ),
    Reference(
        "magis2015",
        "Magis D, Tuerlinckx F, De Boeck P (2015). J Educ Behav Stat 40:111-135",
        "10.3102/1076998614559747",
    ),
    Reference(
        "tutzschauberger2015",
        "Tutz G, Schauberger G (2015). Psychometrika 80:21-43",
        "10.1007/s11336-013-9377-6",
    ),
    Reference(
        "belzakbauer2020", "Belzak WCM, Bauer DJ (2020). Psychol Methods 25:673-690", "10.1037/met0000253"
    ),
    Reference(
        "simontibshirani2012", "Simon N, Tibshirani R (2012). Stat Sin 22:983-1001", "10.5705/ss.2011.075"
    ),
    Reference(
        "strobl2015",
        "Strobl C, Kopf J, Zeileis A (2015). Psychometrika 80:289-316",
        "10.1007/s11336-013-9388-3",
    ),
    Reference(
        "schneider2022",
        "Schneider L, Strobl C, Zeileis A, Debelak R (2022). Behav Res Methods 54:2101-2113",
        "10.3758/s13428-021-01689-0",
    ),
    Reference("meade2010", "Meade AW (2010). J Appl Psychol 95:728-743", "10.1037/a0018966"),
    Reference("shealystout1993", "Shealy R, Stout W (1993). Psychometrika 58:159-194", "10.1007/BF02294572"),
    Reference("mantel1963", "Mantel N (1963). J Am Stat Assoc 58:690-700", "10.1080/01621459.1963.10500879"),
    Reference(
        "hollandthayer1988", "Holland PW, Thayer DT (1988). In Wainer H, Braun HI, Test Validity, 129-145"
    ),
    Reference(
        "zumbo1999", "Zumbo BD (1999). A Handbook on the Theory and Methods of Differential Item Functioning"
    ),
    Reference(
        "mccullagh1980", "McCullagh P (1980). J R Stat Soc B 42:109-142", "10.1111/j.2517-6161.1980.tb01109.x"
    ),
    Reference("wilson1927", "Wilson EB (1927). J Am Stat Assoc 22:209-212", "10.1080/01621459.1927.10502953"),
    Reference(
        "clopper1934", "Clopper CJ, Pearson ES (1934). Biometrika 26:404-413", "10.1093/biomet/26.4.404"
    ),
    Reference(
        "brown2001", "Brown LD, Cai TT, DasGupta A (2001). Stat Sci 16:101-133", "10.1214/ss/1009213286"
    ),
    Reference(
        "newcombe1998",
        "Newcombe RG (1998). Stat Med 17:873-890",
        "10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
    ),
    Reference(
        "vondergracht2012",
        "von der Gracht HA (2012). Technol Forecast Soc Change 79:1525-1536",
        "10.1016/j.techfore.2012.04.013",
    ),
    Reference(
        "fitch2001",
        "Fitch K, Bernstein SJ, Aguilar MD et al (2001). The RAND/UCLA appropriateness method user's manual. RAND MR-1269",
    ),
    Reference(
        "williamson2017",
        "Williamson PR, Altman DG, Bagley H et al (2017). Trials 18(Suppl 3):280",
        "10.1186/s13063-017-1978-4",
    ),
    Reference(
        "kapoor1987",
        "Kapoor P (1987). Systems approach to documentary maritime fraud. University of Plymouth",
    ),
    Reference("schmidt1997", "Schmidt RC (1997). Decis Sci 28:763-774", "10.1111/j.1540-5915.1997.tb01330.x"),
    Reference(
        "dajani1979",
        "Dajani JS, Sincoff MZ, Talley WK (1979). Technol Forecast Soc Change 13:83-90",
        "10.1016/0040-1625(79)90007-6",
    ),
    Reference(
        "scheibe1975",
        "Scheibe M, Skutsch M, Schofer J (1975). In: Linstone HA, Turoff M (eds) The Delphi method. Addison-Wesley",
    ),
    Reference(
        "holey2007",
        "Holey EA, Feeley JL, Dixon J, Whittaker VJ (2007). BMC Med Res Methodol 7:52",
        "10.1186/1471-2288-7-52",
    ),
    Reference("wilcoxon1945", "Wilcoxon F (1945). Biometrics Bull 1:80-83", "10.2307/3001968"),
    Reference("mcnemar1947", "McNemar Q (1947). Psychometrika 12:153-157", "10.1007/BF02295996"),
    Reference(
        "bonett2006", "Bonett DG (2006). Comput Stat Data Anal 50:2953-2957", "10.1016/j.csda.2005.05.007"
    ),
    Reference(
        "english1976", "English JM, Kernan GL (1976). Transp Res 10:367-371", "10.1016/0041-1647(76)90052-5"
    ),
    Reference(
        "gattrell2024",
        "Gattrell WT, Logullo P, van Zuuren EJ et al (2024). PLoS Med 21:e1004326",
        "10.1371/journal.pmed.1004326",
    ),
    Reference(
        "niederberger2024",
        "Niederberger M, Schifano J, Deckert S et al (2024). PLoS One 19:e0304651",
        "10.1371/journal.pone.0304651",
    ),
    Reference(
        "junger2017",
        "Junger S, Payne SA, Brine J, Radbruch L, Brearley SG (2017). Palliat Med 31:684-706",
        "10.1177/0269216317690685",
    ),
    Reference(
        "staniszewska2017",
        "Staniszewska S, Brett J, Simera I et al (2017). BMJ 358:j3453",
        "10.1136/bmj.j3453",
    ),
    Reference(
        "schuirmann1987",
        "Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680",
        "10.1007/BF01068419",
    ),
    Reference("politbeck2006", "Polit DF, Beck CT (2006). Res Nurs Health 29:489-497", "10.1002/nur.20147"),
    Reference(
        "polit2007", "Polit DF, Beck CT, Owen SV (2007). Res Nurs Health 30:459-467", "10.1002/nur.20199"
    ),
    Reference("aiken1985", "Aiken LR (1985). Educ Psychol Meas 45:131-142", "10.1177/0013164485451012"),
    Reference(
        "penfield2004",
        "Penfield RD, Giacobbi PR (2004). Meas Phys Educ Exerc Sci 8:213-225",
        "10.1207/s15327841mpee0804_3",
    ),
    Reference(
        "lawshe1975", "Lawshe CH (1975). Pers Psychol 28:563-575", "10.1111/j.1744-6570.1975.tb01393.x"
    ),
    Reference(
        "wilson2012",
        "Wilson FR, Pan W, Schumsky DA (2012). Meas Eval Couns Dev 45:197-210",
        "10.1177/0748175612440286",
    ),
    Reference(
        "ayre2014", "Ayre C, Scally AJ (2014). Meas Eval Couns Dev 47:79-86", "10.1177/0748175613513808"
    ),
    Reference(
        "andersongerbing1991",
        "Anderson JC, Gerbing DW (1991). J Appl Psychol 76:732-740",
        "10.1037/0021-9010.76.5.732",
    ),
    Reference(
        "colquitt2019",
        "Colquitt JA, Sabey TB, Rodell JB, Hill ET (2019). J Appl Psychol 104:1243-1265",
        "10.1037/apl0000406",
    ),
    Reference(
        "terwee2018",
        "Terwee CB, Prinsen CAC, Chiarotto A et al (2018). Qual Life Res 27:1159-1170",
        "10.1007/s11136-018-1829-0",
    ),
    Reference("flesch1948", "Flesch R (1948). J Appl Psychol 32:221-233", "10.1037/h0057532"),
    Reference(
        "leamy2011",
        "Leamy M, Bird V, Le Boutillier C, Williams J, Slade M (2011). Br J Psychiatry 199:445-452",
        "10.1192/bjp.bp.110.083733",
    ),
    Reference(
        "hyndman1996", "Hyndman RJ, Fan Y (1996). Am Stat 50:361-365", "10.1080/00031305.1996.10473566"
    ),
    Reference(
        "vanderlinden2005",
        "van der Linden WJ (2005). Linear models for optimal test design. Springer",
        "10.1007/0-387-29054-0",
    ),
    Reference("levy1967", "Levy P (1967). Br J Math Stat Psychol 20:195-208"),
    Reference(
        "jorgensen2018",
        "Jorgensen TD, Kite BA, Chen PY, Short SD (2018). Psychol Methods 23:708-728",
        "10.1037/met0000152",
    ),
    Reference("yuanchan2016", "Yuan KH, Chan W (2016). Psychol Methods 21:405-426", "10.1037/met0000080"),
    Reference("robitzsch2020", "Robitzsch A (2020). Stats 3:246-283", "10.3390/stats3030019"),
    Reference(
        "muthenasparouhov2014",
        "Muthen B, Asparouhov T (2014). Front Psychol 5:978",
        "10.3389/fpsyg.2014.00978",
    ),
    Reference("chalmers2018sib", "Chalmers RP (2018). Psychometrika 83:376-386", "10.1007/s11336-017-9583-8"),
    Reference(
        "crane2004", "Crane PK, van Belle G, Larson EB (2004). Stat Med 23:241-256", "10.1002/sim.1713"
    ),
    Reference(
        "thissen1993",
        "Thissen D, Steinberg L, Wainer H (1993). In Holland PW, Wainer H, Differential Item Functioning, 67-113",
    ),
    Reference(
        "satorrabentler1994",
        "Satorra A, Bentler PM (1994). In: von Eye A, Clogg CC (eds) Latent Variables Analysis, 399-419. Sage",
    ),
    Reference(
        "yuanbentler2000", "Yuan KH, Bentler PM (2000). Sociol Methodol 30:165-200", "10.1111/0081-1750.00078"
    ),
    Reference(
        "asparouhovmuthen2010",
        "Asparouhov T, Muthen B (2010). Simple second order chi-square correction. Mplus technical report",
    ),
    Reference(
        "satorra2000",
        "Satorra A (2000). In: Heijmans RDH et al (eds) Innovations in Multivariate Statistical Analysis, 233-247. Kluwer",
    ),
    Reference(
        "satorrabentler2001", "Satorra A, Bentler PM (2001). Psychometrika 66:507-514", "10.1007/BF02296192"
    ),
    Reference(
        "satorrabentler2010",
        "Satorra A, Bentler PM (2010). Psychometrika 75:243-248",
        "10.1007/s11336-009-9135-y",
    ),
    Reference(
        "brosseauliard2014",
        "Brosseau-Liard PE, Savalei V (2014). Multivariate Behav Res 49:460-470",
        "10.1080/00273171.2014.933697",
    ),
    Reference(
        "savalei2021", "Savalei V (2021). Multivariate Behav Res 56:390-407", "10.1080/00273171.2020.1717922"
    ),
    Reference(
        "zhangsavalei2023", "Zhang X, Savalei V (2023). Psychol Methods 28:263-283", "10.1037/met0000445"
    ),
    Reference(
        "asparouhov2005", "Asparouhov T (2005). Struct Equ Modeling 12:411-434", "10.1207/s15328007sem1203_4"
    ),
    Reference(
        "asparouhovmuthen2009",
        "Asparouhov T, Muthen B (2009). Struct Equ Modeling 16:397-438",
        "10.1080/10705510903008204",
    ),
    Reference(
        "savaleiyuan2009",
        "Savalei V, Yuan KH (2009). Multivariate Behav Res 44:741-763",
        "10.1080/00273170903333590",
    ),
    Reference(
        "muthenmuthen2002",
        "Muthen LK, Muthen BO (2002). Struct Equ Modeling 9:599-620",
        "10.1207/S15328007SEM0904_8",
    ),
    Reference("muthen1984", "Muthen B (1984). Psychometrika 49:115-132", "10.1007/BF02294210"),
    Reference(
        "mcardlemcdonald1984",
        "McArdle JJ, McDonald RP (1984). Br J Math Stat Psychol 37:234-251",
        "10.1111/j.2044-8317.1984.tb00802.x",
    ),
    Reference("satorrasaris1985", "Satorra A, Saris WE (1985). Psychometrika 50:83-90", "10.1007/BF02294150"),
    Reference(
        "maccallum1996",
        "MacCallum RC, Browne MW, Sugawara HM (1996). Psychol Methods 1:130-149",
        "10.1037/1082-989X.1.2.130",
    ),
    Reference(
        "maccallum2006",
        "MacCallum RC, Browne MW, Cai L (2006). Psychol Methods 11:19-35",
        "10.1037/1082-989X.11.1.19",
    ),
    Reference(
        "bollenstine1992",
        "Bollen KA, Stine RA (1992). Sociol Methods Res 21:205-229",
        "10.1177/0049124192021002004",
    ),
    Reference("mcneishwolf2023", "McNeish D, Wolf MG (2023). Psychol Methods 28:61-88", "10.1037/met0000425"),
    Reference(
        "drezner1990",
        "Drezner Z, Wesolowsky GO (1990). J Stat Comput Simul 35:101-107",
        "10.1080/00949659008811236",
    ),
    Reference(
        "genz2004",
        "Genz A (2004). Stat Comput 14:251-260",
        "10.1023/B:STCO.0000035304.20635.31",
    ),
    Reference(
        "olsson1979",
        "Olsson U (1979). Psychometrika 44:443-460",
        "10.1007/BF02296207",
    ),
    Reference(
        "olsson1982",
        "Olsson U, Drasgow F, Dorans NJ (1982). Psychometrika 47:337-347",
        "10.1007/BF02294164",
    ),
    Reference(
        "browne1984",
        "Browne MW (1984). Br J Math Stat Psychol 37:62-83",
        "10.1111/j.2044-8317.1984.tb00789.x",
    ),
    Reference(
        "harmanjones1966",
        "Harman HH, Jones WH (1966). Psychometrika 31:351-368",
        "10.1007/BF02289468",
    ),
    Reference(
        "joreskog1967",
        "Joreskog KG (1967). Psychometrika 32:443-482",
        "10.1007/BF02289658",
    ),
    Reference(
        "joreskoggoldberger1972",
        "Joreskog KG, Goldberger AS (1972). Psychometrika 37:243-260",
        "10.1007/BF02306782",
    ),
    Reference(
        "kaisercaffrey1965",
        "Kaiser HF, Caffrey J (1965). Psychometrika 30:1-14",
        "10.1007/BF02289743",
    ),
    Reference(
        "kaiser1958",
        "Kaiser HF (1958). Psychometrika 23:187-200",
        "10.1007/BF02289233",
    ),
    Reference(
        "kaiser1974",
        "Kaiser HF (1974). Psychometrika 39:31-36",
        "10.1007/BF02291575",
    ),
    Reference(
        "hendrickson1964",
        "Hendrickson AE, White PO (1964). Br J Stat Psychol 17:65-70",
        "10.1111/j.2044-8317.1964.tb00244.x",
    ),
    Reference(
        "crawfordferguson1970",
        "Crawford CB, Ferguson GA (1970). Psychometrika 35:321-332",
        "10.1007/BF02310792",
    ),
    Reference(
        "clarksonjennrich1988",
        "Clarkson DB, Jennrich RI (1988). Psychometrika 53:251-259",
        "10.1007/BF02294136",
    ),
    Reference(
        "bentler1977",
        "Bentler PM (1977). Psychometrika 42:277-295",
        "10.1007/BF02294054",
    ),
    Reference(
        "kiers1994",
        "Kiers HAL (1994). Psychometrika 59:567-579",
        "10.1007/BF02294392",
    ),
    Reference(
        "browne2001",
        "Browne MW (2001). Multivariate Behav Res 36:111-150",
        "10.1207/S15327906MBR3601_05",
    ),
    Reference(
        "jennrich2001",
        "Jennrich RI (2001). Psychometrika 66:289-306",
        "10.1007/BF02294840",
    ),
    Reference(
        "jennrich2002",
        "Jennrich RI (2002). Psychometrika 67:7-19",
        "10.1007/BF02294706",
    ),
    Reference(
        "jennrich1973",
        "Jennrich RI (1973). Psychometrika 38:593-604",
        "10.1007/BF02291497",
    ),
    Reference(
        "bernaardsjennrich2005",
        "Bernaards CA, Jennrich RI (2005). Educ Psychol Meas 65:676-696",
        "10.1177/0013164404272507",
    ),
    Reference(
        "jennrichbentler2011",
        "Jennrich RI, Bentler PM (2011). Psychometrika 76:537-549",
        "10.1007/s11336-011-9218-4",
    ),
    Reference(
        "schmidleiman1957",
        "Schmid J, Leiman JM (1957). Psychometrika 22:53-61",
        "10.1007/BF02289209",
    ),
    Reference(
        "tenberge1999",
        "ten Berge JMF, Krijnen WP, Wansbeek T, Shapiro A (1999). Linear Algebra Appl 289:311-318",
        "10.1016/S0024-3795(97)10007-6",
    ),
    Reference(
        "lorenzosevatenberge2006",
        "Lorenzo-Seva U, ten Berge JMF (2006). Methodology 2:57-64",
        "10.1027/1614-2241.2.2.57",
    ),
    Reference(
        "steiger1990",
        "Steiger JH (1990). Multivariate Behav Res 25:173-180",
        "10.1207/s15327906mbr2502_4",
    ),
    Reference(
        "horn1965",
        "Horn JL (1965). Psychometrika 30:179-185",
        "10.1007/BF02289447",
    ),
    Reference(
        "velicer1976",
        "Velicer WF (1976). Psychometrika 41:321-327",
        "10.1007/BF02293557",
    ),
    Reference(
        "braeken2017",
        "Braeken J, van Assen MALM (2017). Psychol Methods 22:450-466",
        "10.1037/met0000074",
    ),
    Reference(
        "lorenzoseva2011",
        "Lorenzo-Seva U, Timmerman ME, Kiers HAL (2011). Multivariate Behav Res 46:340-364",
        "10.1080/00273171.2011.564527",
    ),
    Reference(
        "ruscioroche2012",
        "Ruscio J, Roche B (2012). Psychol Assess 24:282-292",
        "10.1037/a0025697",
    ),
    Reference(
        "revellerocklin1979",
        "Revelle W, Rocklin T (1979). Multivariate Behav Res 14:403-414",
        "10.1207/s15327906mbr1404_2",
    ),
    Reference(
        "auerswaldmoshagen2019",
        "Auerswald M, Moshagen M (2019). Psychol Methods 24:468-491",
        "10.1037/met0000200",
    ),
    Reference(
        "golinoepskamp2017",
        "Golino HF, Epskamp S (2017). PLoS One 12:e0174035",
        "10.1371/journal.pone.0174035",
    ),
    Reference(
        "christensengolino2021",
        "Christensen AP, Golino H (2021). Psych 3:479-500",
        "10.3390/psych3030032",
    ),
    Reference(
        "christensen2023",
        "Christensen AP, Garrido LE, Golino H (2023). Multivariate Behav Res 58:1165-1182",
        "10.1080/00273171.2023.2194606",
    ),
    Reference(
        "ponslatapy2006",
        "Pons P, Latapy M (2006). J Graph Algorithms Appl 10:191-218",
        "10.7155/jgaa.00124",
    ),
    Reference("bock1981", "Bock RD, Aitkin M (1981). Psychometrika 46:443-459", "10.1007/BF02293801"),
    Reference("bock1972", "Bock RD (1972). Psychometrika 37:29-51", "10.1007/BF02291411"),
    Reference("muraki1992", "Muraki E (1992). Appl Psychol Meas 16:159-176", "10.1177/014662169201600206"),
    Reference("masters1982", "Masters GN (1982). Psychometrika 47:149-174", "10.1007/BF02296272"),
    Reference("andrich1978", "Andrich D (1978). Psychometrika 43:561-573", "10.1007/BF02293814"),
    Reference(
        "tutz1990", "Tutz G (1990). Br J Math Stat Psychol 43:39-55", "10.1111/j.2044-8317.1990.tb00925.x"
    ),
    Reference("gibbons1992", "Gibbons RD, Hedeker DR (1992). Psychometrika 57:423-436", "10.1007/BF02295430"),
    Reference("cai2010twotier", "Cai L (2010). Psychometrika 75:581-612", "10.1007/s11336-010-9178-0"),
    Reference("oakes1999", "Oakes D (1999). J R Stat Soc B 61:479-482", "10.1111/1467-9868.00188"),
    Reference(
        "louis1982", "Louis TA (1982). J R Stat Soc B 44:226-233", "10.1111/j.2517-6161.1982.tb01203.x"
    ),
    Reference("lange1995", "Lange K (1995). J R Stat Soc B 57:425-437", "10.1111/j.2517-6161.1995.tb02037.x"),
    Reference(
        "jamshidian1997",
        "Jamshidian M, Jennrich RI (1997). J R Stat Soc B 59:569-587",
        "10.1111/1467-9868.00083",
    ),
    Reference("warm1989", "Warm TA (1989). Psychometrika 54:427-450", "10.1007/BF02294627"),
    Reference(
        "thissen1995",
        "Thissen D, Pommerich M, Billeaud K, Williams VSL (1995). Appl Psychol Meas 19:39-49",
        "10.1177/014662169501900105",
    ),
    Reference(
        "lord1984", "Lord FM, Wingersky MS (1984). Appl Psychol Meas 8:453-461", "10.1177/014662168400800409"
    ),
    Reference(
        "orlando2000", "Orlando M, Thissen D (2000). Appl Psychol Meas 24:50-64", "10.1177/01466216000241003"
    ),
    Reference(
        "kang2008", "Kang T, Chen TT (2008). J Educ Meas 45:391-406", "10.1111/j.1745-3984.2008.00071.x"
    ),
    Reference(
        "maydeu2006", "Maydeu-Olivares A, Joe H (2006). Psychometrika 71:713-732", "10.1007/s11336-005-1295-9"
    ),
    Reference(
        "caihansen2013",
        "Cai L, Hansen M (2013). Br J Math Stat Psychol 66:245-276",
        "10.1111/j.2044-8317.2012.02050.x",
    ),
    Reference("caimonroe2014", "Cai L, Monroe S (2014). CRESST Report 839"),
    Reference("yen1984", "Yen WM (1984). Appl Psychol Meas 8:125-145", "10.1177/014662168400800201"),
    Reference(
        "chenthissen1997",
        "Chen WH, Thissen D (1997). J Educ Behav Stat 22:265-289",
        "10.3102/10769986022003265",
    ),
    Reference(
        "christensen2017",
        "Christensen KB, Makransky G, Horton M (2017). Appl Psychol Meas 41:178-194",
        "10.1177/0146621616677520",
    ),
    Reference(
        "drasgow1985",
        "Drasgow F, Levine MV, Williams EA (1985). Br J Math Stat Psychol 38:67-86",
        "10.1111/j.2044-8317.1985.tb00817.x",
    ),
    Reference(
        "stocking1983",
        "Stocking ML, Lord FM (1983). Appl Psychol Meas 7:201-210",
        "10.1177/014662168300700208",
    ),
    Reference("haebara1980", "Haebara T (1980). Jpn Psychol Res 22:144-149", "10.4992/psycholres1954.22.144"),
    Reference("mokken1971", "Mokken RJ (1971). A theory and procedure of scale analysis. Mouton"),
    Reference(
        "kuijpers2013",
        "Kuijpers RE, Van der Ark LA, Croon MA (2013). Sociol Methodol 43:42-69",
        "10.1177/0081175013481958",
    ),
    Reference(
        "ligtvoet2010",
        "Ligtvoet R, Van der Ark LA, Te Marvelde JM, Sijtsma K (2010). Educ Psychol Meas 70:578-595",
        "10.1177/0013164409355697",
    ),
    Reference("andersen1973", "Andersen EB (1973). Psychometrika 38:123-140", "10.1007/BF02291180"),
    Reference("vuong1989", "Vuong QH (1989). Econometrica 57:307-333", "10.2307/1912557"),
    Reference("mislevy1991", "Mislevy RJ (1991). Psychometrika 56:177-196", "10.1007/BF02294457"),
    Reference(
        "changying1996", "Chang HH, Ying Z (1996). Appl Psychol Meas 20:213-229", "10.1177/014662169602000303"
    ),
    Reference(
        "kingsbury1989",
        "Kingsbury GG, Zara AR (1989). Appl Meas Educ 2:359-375",
        "10.1207/s15324818ame0204_6",
    ),
    Reference("waller2018", "Waller NG (2018). Psychometrika 83:858-870", "10.1007/s11336-017-9599-0"),
    Reference(
        "zeileis2007", "Zeileis A, Hornik K (2007). Stat Neerl 61:488-508", "10.1111/j.1467-9574.2007.00371.x"
    ),
    Reference(
        "merkle2013", "Merkle EC, Zeileis A (2013). Psychometrika 78:59-82", "10.1007/s11336-012-9302-4"
    ),
    Reference(
        "merkle2014",
        "Merkle EC, Fan J, Zeileis A (2014). Psychometrika 79:569-584",
        "10.1007/s11336-013-9376-7",
    ),
    Reference("andrews1993", "Andrews DWK (1993). Econometrica 61:821-856", "10.2307/2951764"),
    Reference("hansen1997", "Hansen BE (1997). J Bus Econ Stat 15:60-67", "10.1080/07350015.1997.10524687"),
    Reference(
        "delong1981", "DeLong DM (1981). Commun Stat Theory Methods 10:2197-2213", "10.1080/03610928108828182"
    ),
    Reference(
        "komboz2018",
        "Komboz B, Strobl C, Zeileis A (2018). Educ Psychol Meas 78:128-166",
        "10.1177/0013164416664394",
    ),
    Reference(
        "straat2016",
        "Straat JH, Van der Ark LA, Sijtsma K (2016). Methodology 12:117-123",
        "10.1027/1614-2241/a000115",
    ),
    Reference(
        "zijlstra2007",
        "Zijlstra WP, Van der Ark LA, Sijtsma K (2007). Multivariate Behav Res 42:531-555",
        "10.1080/00273170701384340",
    ),
    Reference(
        "ligtvoet2011",
        "Ligtvoet R, Van der Ark LA, Bergsma WP, Sijtsma K (2011). Psychometrika 76:200-216",
        "10.1007/s11336-010-9199-8",
    ),
    Reference(
        "vanderark2011",
        "Van der Ark LA, Van der Palm DW, Sijtsma K (2011). Appl Psychol Meas 35:380-392",
        "10.1177/0146621610392911",
    ),
    Reference(
        "sijtsma2002",
        "Sijtsma K, Molenaar IW (2002). Introduction to nonparametric item response theory. Sage",
    ),
    Reference(
        "hubert2008",
        "Hubert M, Vandervieren E (2008). Comput Stat Data Anal 52:5186-5201",
        "10.1016/j.csda.2007.11.008",
    ),
    Reference("snijders2001", "Snijders TAB (2001). Psychometrika 66:331-342", "10.1007/BF02294437"),
    Reference("sinharay2016", "Sinharay S (2016). Psychometrika 81:992-1013", "10.1007/s11336-015-9465-x"),
    Reference(
        "kolen2014", "Kolen MJ, Brennan RL (2014). Test equating, scaling, and linking. 3rd ed. Springer"
    ),
    Reference("holland1987", "Holland PW, Thayer DT (1987). ETS Res Rep 87-31"),
    Reference(
        "sympson1985",
        "Sympson JB, Hetter RD (1985). Proc 27th annual meeting of the Military Testing Association 973-977",
    ),
    Reference(
        "revuelta1998",
        "Revuelta J, Ponsoda V (1998). J Educ Meas 35:311-327",
        "10.1111/j.1745-3984.1998.tb00541.x",
    ),
)
BIBLIOGRAPHY: dict[str, Reference] = {entry.key: entry for entry in _ENTRIES}
