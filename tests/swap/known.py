"""The differences that are meant. The words of each stand in docs/differences.md, with the reason."""

from compare import Known

HASH = "`metadata.hash` of a policy"
UNKNOWN = "GetPolicy with an unknown id"
ATTRIBUTES = "InspectPolicies: an attribute of principal and resource with one name"
SOME = "InspectPolicies with `policyId`"
BUILD = "ServerInfo: commit and date"
TRAILERS = "gRPC: a call that fails"
DECODING = "gRPC: a message that cannot be read"
STRICT = "gRPC: a field of another type, text that is not UTF-8"
MUTABLE = "methods that change the store"
HEAD = "HEAD of what GET answers"
ALLOW = "a wrong method"
CHALLENGE = "401"
SLASHES = "a path with empty segments"
SIZE = "a REST body beyond the limit"


def unset(_, toolgate):
    return toolgate in ("", "<absent>")


def less_of_the_same(cerbos, toolgate):
    """Texts in which the reference leaves out names of attributes."""
    names = [t.removeprefix("ATTRIBUTES: ").split(",") if isinstance(t, str) else None for t in (cerbos, toolgate)]
    return None not in names and set(names[0]) < set(names[1])


KNOWN = [
    Known("*", "*.metadata.hash", HASH),
    Known("*/admin: get an unknown policy", "*", UNKNOWN),
    Known("curl/get unknown", "*", UNKNOWN),
    Known("*cerbosctl/get rp nowhere.yaml -ojson", ".error*", UNKNOWN),
    Known("*inspect*", "*.attributes", ATTRIBUTES),
    Known("*cerbosctl/inspect*", ".output*", ATTRIBUTES, less_of_the_same),
    Known("*cerbosctl/inspect policies document.yaml*", ".output[[]0].constants", SOME),
    Known("*cerbosctl/inspect policies document.yaml*", ".output[[]0].derivedRoles", SOME),
    Known("*/server info*", "*.commit", BUILD, unset),
    Known("*/server info*", "*.build*ate", BUILD, unset),
    Known("*cerbosctl/version", ".output*", BUILD),
    Known("grpcio*", ".headers.cerbos-version", TRAILERS, unset),
    Known("grpcio*/*undecodable*", ".message", DECODING),
    Known("grpcio*/cut short", ".message", DECODING),
    Known("grpcio*/bad UTF-8", "*", STRICT),
    Known("grpcio*/wrong wire type", "*", STRICT),
    Known("grpcio*/put nothing", "*", MUTABLE),
    Known("curl/HEAD of health", ".*", HEAD),
    Known("curl/HEAD of server info", ".*", HEAD),
    Known("curl/*", ".headers.allow", ALLOW),
    Known("curl/admin*", ".headers.www-authenticate", CHALLENGE),
    Known("curl/two slashes", "*", SLASHES),
    Known("curl/too large", ".body.message", SIZE),
]
