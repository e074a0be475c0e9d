"""The differences that are meant. The words of each stand in docs/differences.md, with the reason."""

from compare import Known

HASH = "`metadata.hash` of a policy"
UNKNOWN = "GetPolicy with an unknown id"

KNOWN = [
    Known("*", "*.metadata.hash", HASH),
    Known("*: admin: get an unknown policy", "*", UNKNOWN),
]
