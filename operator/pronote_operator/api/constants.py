"""Names of the API that users, other programs and other packages see: group, labels, annotations, condition types."""

from typing import Final

GROUP: Final = "pronote.hosting"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "pronote"
"""`kubectl get pronote` lists all kinds."""

FIELD_MANAGER: Final = "pronote-operator"
"""Field manager of every server-side apply of the operator, and the value of `app.kubernetes.io/managed-by`."""

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_BASE: Final = f"{GROUP}/base"
"""On every child: the name of the base, in the child's namespace, that it belongs to."""
LABEL_PUBLICATION: Final = f"{GROUP}/publication"
"""On every child of a Publication: its name."""
LABEL_CANARY: Final = f"{GROUP}/canary"
"""Set by a person on a PronoteBase (`"true"`): the label that the samples' canary selector asks for."""
APP_NAME: Final = "pronote"

ANNOTATION_IS_DEFAULT: Final = f"{GROUP}/is-default"
"""`"true"` on the VersionChannel or BackupPolicy that a base without an explicit one uses."""
ANNOTATION_UAI: Final = f"{GROUP}/uai"
"""On kept volumes and Secrets: the school whose data they hold, so that nobody else's base adopts them."""
ANNOTATION_SCHOOL_YEAR: Final = f"{GROUP}/school-year"
"""On the data volume: the school year in service when it was last written."""
ANNOTATION_SNAPSHOT_REQUEST: Final = f"{GROUP}/snapshot-request"
"""On a PronoteBase: the name of one extra snapshot to take now, its kind and the moment of asking in the name."""

ROLLBACK_PREFIX: Final = "rollback-"
"""What the request id of a restore begins with that the operator itself asks for, when a roll has failed."""

MAX_NAME_LENGTH: Final = 40
"""Longest name of a base or publication: children's names and a StatefulSet's pod labels must still fit in 63."""

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
APPLY_REFUSED: Final = "ApplyRefused"
"""Reason where the API server refuses a child of ours."""
IN_SERVICE: Final = "InService"
BACKED_UP: Final = "BackedUp"
UP_TO_DATE: Final = "UpToDate"
RESTORED: Final = "Restored"
PUBLISHED: Final = "Published"
REACHABLE: Final = "Reachable"
