"""What was sent to an address beside the right one: says where that is, in the API's own shape."""

from ours.web.ingest.answers import Refusal

_ALLOWED = {"track": "POST", "identify": "POST", "batch": "POST", "openapi": "GET, HEAD"}
_READS = {"GET", "HEAD"}


def is_meant(path: str, method: str, *, is_json: bool) -> bool:
    """Whether a backend may have meant the ingest API by an address that is nobody's: pages never send JSON."""
    parts = _parts(path)
    if parts[:1] == ["api"]:
        return parts[1:2] != ["admin"]
    return method not in _READS and (is_json or _ALLOWED.get(parts[-1] if parts else "") == "POST")


def refusal(path: str, method: str) -> Refusal:
    """405 at the API's own addresses, 404 anywhere else."""
    parts = _parts(path)
    door = parts[-1] if parts else ""
    allowed = _ALLOWED.get(door)
    if not allowed:
        return Refusal("not_found", "There is no such address. See /api/v1/openapi.")
    if path.removesuffix("/") == f"/api/v1/{door}" and method not in allowed.split(", "):
        return Refusal("method_not_allowed", f"Only {allowed} is answered here.", headers={"Allow": allowed})
    return Refusal("not_found", f"There is no such address. It is /api/v1/{door}.")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
