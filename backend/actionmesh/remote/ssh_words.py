"""What ssh, or the shell on the other computer, complains of, in one sentence each with its cure."""

import re

from ..errors import RemoteError
from .place import NOT_FOUND, Place

NO_PROGRAM = 127


def explain_end(place: Place, code: int | None, told: str) -> RemoteError:
    """Return why ssh ended before the other side answered.

    Args:
        code: its exit code.
        told: what it wrote to its standard error.
    """
    host = place.host
    return _of_keys(place, told) or _of_backend(host, code, told) or _of_network(host, told) or _other(place, told)


def is_hopeless(place: Place, code: int | None, told: str) -> bool:
    """Return whether the same would happen again: who was refused stays refused, but a network comes back."""
    return _of_keys(place, told) is not None or _of_backend(place.host, code, told) is not None


def _of_keys(place: Place, told: str) -> RemoteError | None:
    host, terminal, computer = place.host, place.terminal, place.host.rpartition("@")[2]
    if "IDENTIFICATION HAS CHANGED" in told:
        return RemoteError(
            f"The key of {host} differs from the one that ssh knows, so nothing was sent.",
            f"Ask whoever runs it. If the change is right, run: ssh-keygen -R {computer}, then: {terminal}.",
        )
    if "Host key verification failed" in told:
        return RemoteError(
            f"ssh does not know the key of {host} yet, so nothing was sent.",
            f"Run in a terminal: {terminal}. Compare the key that it shows, and answer yes.",
        )
    if "Permission denied" in told or "Too many authentication failures" in told:
        return RemoteError(
            f"{host} did not accept a key of yours, and ActionMesh asks for no password.",
            f"Set up a key that needs no typing (ssh-copy-id, ssh-agent). This must work: {terminal} -o BatchMode=yes.",
        )
    if "Bad configuration option" in told or "Bad owner or permissions" in told:
        reason = _last(told)
        return RemoteError(f"ssh refuses its configuration: {reason}.", "Correct that file, then try again.")
    return None


def _of_backend(host: str, code: int | None, told: str) -> RemoteError | None:
    if "invalid choice: 'remote'" in told:
        return RemoteError(
            f"The ActionMesh on {host} is too old to be used from another computer.",
            "Install the version of this computer there.",
        )
    missing = NOT_FOUND in told or "No module named actionmesh" in told or "No module named 'actionmesh'" in told
    if missing or code == NO_PROGRAM:
        return RemoteError(
            f"ActionMesh was not found on {host}.",
            "Install it there (docs/remote.md), or set Remote Backend to the path of its program, actionmesh.",
        )
    if "ModuleNotFoundError" in told or "ImportError" in told:
        reason = _last(told)
        return RemoteError(f"The ActionMesh on {host} cannot start: {reason}.", "Install it there again.")
    return None


def _of_network(host: str, told: str) -> RemoteError | None:
    if "Could not resolve hostname" in told:
        return RemoteError(f"No computer named {host} was found.", "Check the name, and the network or VPN.")
    if "Connection refused" in told:
        return RemoteError(
            f"{host} refused the connection.", "Check the port, and whether an ssh server runs on that computer."
        )
    if re.search("timed out|No route to host|Network is unreachable|Host is down", told):
        return RemoteError(f"{host} does not answer.", "Check whether it is switched on, and the network or VPN.")
    return None


def _other(place: Place, told: str) -> RemoteError:
    host, terminal, reason = place.host, place.terminal, _last(told) or "ssh says nothing"
    return RemoteError(f"The line to {host} ended: {reason}.", f"See in a terminal what this says: {terminal} true.")


def _last(told: str) -> str:
    """Return the last line of a text, without the full stop."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else ""
