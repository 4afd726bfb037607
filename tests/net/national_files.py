"""Invented files of STS-Web and SIECLE, as small as they can be."""

from __future__ import annotations

from typing import Final

HEAD: Final = '<?xml version="1.0" encoding="ISO-8859-15"?>\n'


def sts(root: str = "STS_EDT", uai: str = "0750654D", year: str = "2026", teacher: str = "7") -> str:
    """A class with a service, its teacher and a head."""
    return f"""{HEAD}<{root}><PARAMETRES><UAJ CODE="{uai}"><SIGLE>CLG</SIGLE></UAJ><ANNEE_SCOLAIRE ANNEE="{year}">
<DATE_DEBUT>2026-09-01</DATE_DEBUT><DATE_FIN>2027-08-31</DATE_FIN></ANNEE_SCOLAIRE></PARAMETRES>
<NOMENCLATURES><MATIERES><MATIERE CODE="020700"><LIBELLE_EDITION>Français</LIBELLE_EDITION></MATIERE></MATIERES>
</NOMENCLATURES><DONNEES><INDIVIDUS>
<INDIVIDU ID="7" TYPE="epp"><NOM_USAGE>ROCHŒUR</NOM_USAGE><PRENOM>Zoé</PRENOM>
<DATE_NAISSANCE>1980-02-03</DATE_NAISSANCE>
<FONCTION>ENS</FONCTION></INDIVIDU>
<INDIVIDU ID="8" TYPE="epp"><NOM_USAGE>VALMONT</NOM_USAGE><PRENOM>Li</PRENOM><FONCTION>DIR</FONCTION></INDIVIDU>
</INDIVIDUS><STRUCTURE><DIVISIONS><DIVISION CODE="6A"><SERVICES><SERVICE CODE_MATIERE="020700" CODE_MOD_COURS="CG">
<ENSEIGNANTS><ENSEIGNANT ID="{teacher}" TYPE="epp"/></ENSEIGNANTS></SERVICE></SERVICES></DIVISION></DIVISIONS>
</STRUCTURE>
</DONNEES></{root}>"""


def _siecle(root: str, content: str, uai: str = "0750654D", year: str = "2026") -> str:
    head = f"<PARAMETRES><UAJ>{uai}</UAJ><ANNEE_SCOLAIRE>{year}</ANNEE_SCOLAIRE></PARAMETRES>"
    return f'{HEAD}<{root} VERSION="2.1">{head}<DONNEES>{content}</DONNEES></{root}>'


def pupils(last_name: str = "PÉRIGNEUX", uai: str = "0750654D", year: str = "2026") -> str:
    """A pupil of 6A, and one who has left."""
    pupil = """<ELEVE ELEVE_ID="{id}" ELENOET="{id}"><ID_NATIONAL>{ine}</ID_NATIONAL>
<NOM_DE_FAMILLE>{name}</NOM_DE_FAMILLE>
<PRENOM>Anaïs</PRENOM><DATE_NAISS>31/05/2015</DATE_NAISS><ADRESSE_ID>3</ADRESSE_ID></ELEVE>"""
    here = pupil.format(id=11, ine="123456789AB", name=last_name)
    gone = pupil.format(id=12, ine="123456789AC", name="PARTI")
    return _siecle(
        "BEE_ELEVES",
        f"""<ELEVES>{here}{gone}</ELEVES><STRUCTURES><STRUCTURES_ELEVE ELEVE_ID="11"><STRUCTURE>
<CODE_STRUCTURE>6A</CODE_STRUCTURE><TYPE_STRUCTURE>D</TYPE_STRUCTURE></STRUCTURE></STRUCTURES_ELEVE></STRUCTURES>
<ADRESSES><ADRESSE ADRESSE_ID="3"><CODE_POSTAL>99101</CODE_POSTAL></ADRESSE></ADRESSES>""",
        uai,
        year,
    )


def guardians(*, linked: bool = True, level: str = "1") -> str:
    """A guardian of the pupil."""
    link = f"""<RESPONSABLE_ELEVE><ELEVE_ID>11</ELEVE_ID><PERSONNE_ID>21</PERSONNE_ID><RESP_LEGAL>{level}</RESP_LEGAL>
<CODE_PARENTE>10</CODE_PARENTE></RESPONSABLE_ELEVE>"""
    return _siecle(
        "BEE_RESPONSABLES",
        f"""<PERSONNES><PERSONNE PERSONNE_ID="21"><NOM>LABRUNIÈRE</NOM><PRENOM>Zélie</PRENOM><ADRESSE_ID>4</ADRESSE_ID>
</PERSONNE></PERSONNES><RESPONSABLES>{link if linked else ""}</RESPONSABLES>
<ADRESSES><ADRESSE ADRESSE_ID="4"><CODE_POSTAL>99102</CODE_POSTAL></ADRESSE></ADRESSES>""",
    )
