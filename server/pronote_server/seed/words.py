"""Words that the school is made of. Every person is a chance meeting of a first and a last name of these lists."""

from __future__ import annotations

from typing import Final

_FIRST_NAMES = """
Aaliyah Adèle Aïcha Alban Alix Amadou Amine Anaïs Anouk Apolline Ariane Axel Aya Baptiste Bilal Bintou Blanche
Camille Capucine Cassandre Célestin Chloé Clémence Côme Dalia Djibril Edgar Élias Élise Éloïse Émile Esteban
Faustine Fanta Félix Fleur Gabin Garance Hamza Héloïse Hugo Ibrahim Inaya Inès Ismaël Iris Jade Jin Joséphine
Jules Kadiatou Kenza Kévin Khadija Lamine Léonie Lilou Lina Linh Lison Louise Lucien Maël Maïwenn Malik Manon
Marius Maxence Mei Mélina Moussa Nadia Naël Ninon Noémie Octave Oumar Paola Pénélope Quitterie Rayan Robin
Romane Rosalie Safiya Salomé Samuel Sofia Solène Soren Tarek Théophile Thibault Tiago Valentine Victor Wassim
Yanis Yasmine Yuna Zacharie Zélie
"""
_LAST_NAMES = """
AUBRAC-LISLE BAGAYOVA BALMONT BELKACIMI BERTHOLON BESSIÈRES-PRAT BOCQUELIN BOUCHARDEL BRANCHEREAU CADIOULET
CARVALHOS CHASSAGNEUX CISSOKHOU CLAVERINE COSTANTINEL COUTANCEY DELAVERGNE DEMBÉLAND DESCHANEAUX DIAKITOU
DUFOURNELLE ÉCHARDON EL-MANSOURAT ESCOFFERAN FAVERGEON FERREIRAZ FONTVIEILLE GARRIGUEUX GERMINEAU GOUAZÉLIN
GRANDCLOS GUILLEMAUD HADDADJI HAUTECOMBE HOARETTE IBARGARAY JACQUEMONDE JOUANDEAUX KABORINO KERGUELLEC
KHALIFOUR KOUYATEL LABRUNIÈRE LAMOTTIER LE-GUELVOUT LESCURIEUX LÉVESQUET LORMEAU-VIAL MAKHLOUFA MALEVERGNE
MARCHANDIN MBAYELLE MERCADIEUX MONTAIGUEL MORVANDIEU NGUYENNE NOURRISSEAU OUEDRAVOGO PALLUAUDE PELLEGRINEL
PÉRIGNEUX PHAMELLE PLANTEVIN POULIQUEUR QUÉMERAIS RABEARIVEL RANDRIANELLE RAVENSBOURG ROCHEFLEUR ROUMANOVE
SAINT-VÉRANE SALVATORIN SANGARETTE SCHWEITZBERG SOUMAHOREL TARDIVELLE TCHAKOUNTEL TERRANOVAT THIBAUDIÈRE
TOURÉMONT TRANCHEVENT VALLEMONT VERCORSIN VILLARDEAUX WOJTALIK YILMAZAN ZERROUKINE
"""

FIRST_NAMES: Final = tuple(_FIRST_NAMES.split())
LAST_NAMES: Final = tuple(_LAST_NAMES.split())
RELATIONS: Final = ("MERE", "PERE")

TASKS: Final = (
    "Apprendre la leçon.",
    "Terminer les exercices commencés en classe.",
    "Exercices 3 et 5 de la fiche.",
    "Réviser pour l'évaluation.",
    "Relire le chapitre et préparer trois questions.",
    "Préparer un exposé de deux minutes.",
    "Compléter la carte mentale.",
    "Rédiger un paragraphe d'une dizaine de lignes.",
)
