"""What users call a request, read: who makes it, and what it asks for."""

from __future__ import annotations

from dataclasses import replace

from kgate.audit.policy.policy import OTHER_NAME, ApiRequest
from kgate.kubernetes.nearest import nearest
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.kubernetes.resources import catalogue
from kgate.rbac.words import UnknownActionError, action
from kgate.values import dataclass

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
"""What the API server calls what is done to a resource (apiserver, pkg/endpoints/request/requestinfo.go)."""

RESOURCE_VERBS = (*VERBS, "proxy")
"""The same with the verb of a path that no API server answers any more."""

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
"""What it calls the verb of any other request."""

OTHER_VERBS = {
    **dict.fromkeys(("exec", "attach", "port-forward", "portforward"), "get or create"),
    **dict.fromkeys(("logs", "describe"), "get"),
    **dict.fromkeys(("apply", "label", "annotate", "scale"), "patch"),
    **dict.fromkeys(("connect", "proxy"), "get, create, update, patch or delete"),
    **dict.fromkeys(("post", "bind", "approve", "run"), "create"),
    **dict.fromkeys(("put", "edit", "replace"), "update or patch"),
}
"""What other words for verbs are to the API server."""

OTHER_NAMESPACE = "default"
"""The namespace of a request for one object if nobody has named another, as with kubectl."""

_NAMELESS = ("list", "watch", "create", "deletecollection")
_OF_ALL_NAMESPACES = ("list", "watch", "deletecollection")


class UnknownRequestError(ValueError):
    """RequestWords that name no request, with what to write."""


@dataclass(frozen=True, slots=True)
class RequestWords:
    """What a user says of a request for a resource; what is empty was not said."""

    verb: str
    resource: str
    subresource: str = ""
    name: str = ""
    namespace: str = ""


def resource_request(words: RequestWords) -> ApiRequest:
    """Returns a request for a resource, without its user. Raises UnknownRequestError."""
    if words.verb not in VERBS:
        raise UnknownRequestError(_no_verb(words.verb))
    whole, _, inner = words.resource.partition("/")
    try:
        found = action(words.verb, whole, "", None, NEWEST_MINOR)
    except UnknownActionError as error:
        raise UnknownRequestError(str(error)) from None
    request = ApiRequest(found.verb, resource=found.resource, subresource=words.subresource or inner, group=found.group)
    return _placed(request, words)


def _no_verb(verb: str) -> str:
    other = OTHER_VERBS.get(verb)
    near = nearest(verb, VERBS)
    hint = f"the API server calls it {other}" if other else f"did you mean '{near}'?" if near else ""
    return f"'{verb}' is not a verb of a resource; {hint or 'verbs are ' + ', '.join(VERBS)}"


def _placed(request: ApiRequest, words: RequestWords) -> ApiRequest:
    """A request with its name and namespace, as the URL of kubectl's request has them."""
    name, namespace = words.name, words.namespace
    is_nameless = request.verb in _NAMELESS and not request.subresource
    if name and request.verb in ("create", "deletecollection") and is_nameless:
        raise UnknownRequestError(
            f"the URL of a {request.verb} holds no name, so no policy can go by one; leave it out"
        )
    served = catalogue().get(request.group, {}).get(request.resource)
    if served is not None and not served.is_namespaced:
        if namespace and request.resource != "namespaces":
            raise UnknownRequestError(f"{request.resource} are in no namespace; leave it out")
        namespace = _own_namespace(request, name) if request.resource == "namespaces" else ""
    elif not namespace and not (request.verb in _OF_ALL_NAMESPACES and is_nameless):
        namespace = OTHER_NAMESPACE if served is not None else ""
    return replace(request, name=name or ("" if is_nameless else OTHER_NAME), namespace=namespace)


def _own_namespace(request: ApiRequest, name: str) -> str:
    """The namespace of a request for a Namespace: its own name, if the URL holds it (requestinfo.go)."""
    return (name or OTHER_NAME) if request.verb not in _NAMELESS or request.subresource else ""


def url_request(verb: str, url: str) -> ApiRequest:
    """Returns a request for anything but a resource, without its user. Raises UnknownRequestError."""
    method = verb.lower()
    if method not in METHODS:
        raise UnknownRequestError(
            f"'{verb}' is not an HTTP method, which is the verb of a URL; write {', '.join(METHODS)}"
        )
    if not url.startswith("/"):
        raise UnknownRequestError(f"'{url}' must begin with a slash; write the path of the URL")
    if is_of_resource(url):
        raise UnknownRequestError(f"'{url}' is the path of a resource; ask with --resource")
    return ApiRequest(method, path=url.partition("?")[0])


def is_of_resource(url: str) -> bool:
    """True if a path leads to a resource: ``/api/v1/nodes``, ``/apis/apps/v1/deployments`` (requestinfo.go)."""
    parts = url.strip("/").split("/")
    return (parts[0] == "api" and len(parts) > 2) or (parts[0] == "apis" and len(parts) > 3)


def identified(request: ApiRequest, user: str, groups: tuple[str, ...] = ()) -> ApiRequest:
    """Returns a request with its user, and the groups that the API server gives to such a user."""
    return replace(request, user=user, groups=tuple(dict.fromkeys((*groups, *own_groups(user)))))


def own_groups(user: str) -> tuple[str, ...]:
    """Returns the groups that a user always has."""
    if user == "system:anonymous":
        return ("system:unauthenticated",)
    own: tuple[str, ...] = ()
    if user.startswith("system:serviceaccount:") and user.count(":") == 3:
        own = ("system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}")
    elif user.startswith("system:node:"):
        own = ("system:nodes",)
    elif user == "system:apiserver":
        own = ("system:masters",)
    return (*own, "system:authenticated")
