"""The five kinds of the API, in the order in which they are documented."""

from . import backuppolicy, casdelegation, pronotebase, publication, versionchannel
from .kind import Kind

KINDS: tuple[Kind, ...] = (
    pronotebase.KIND,
    publication.KIND,
    casdelegation.KIND,
    backuppolicy.KIND,
    versionchannel.KIND,
)
