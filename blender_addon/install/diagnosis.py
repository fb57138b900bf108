"""Translate the installer's output into a problem and a cure for an artist. The output itself is in the log."""

import re

from ..errors import InstallError

AGAIN = "then press the button again: it continues where it stopped."
CAUSES = (
    (r"no space left|os error 28\b|os error 112\b|disk quota", "The disk is full.", f"Free some space, {AGAIN}"),
    (
        r"file ?size limit|file too large|os error 27\b",
        "The disk does not accept files this large.",
        f"Choose another folder, {AGAIN}",
    ),
    (
        r"invalid peer certificate|unknownissuer|certificate verify failed|self.signed certificate",
        "The server's certificate is not trusted.",
        f"On a company network, set the variable SSL_CERT_FILE or pip's setting cert to its certificates, {AGAIN}",
    ),
    (
        r"\b407\b|proxy auth",
        "The proxy asks for a name and a password.",
        f"Put them into the variable HTTPS_PROXY, {AGAIN}",
    ),
    (
        r"\b40[13]\b.*(unauthorized|forbidden)|missing credentials",
        "The package index refused access.",
        f"Put a name and a password into its URL, or choose another index, {AGAIN}",
    ),
    (
        r"hash mismatch|computed:\s*sha256",
        "A downloaded file is not the one that was tested.",
        "Clear Package Index in the preferences, or ask who runs that index.",
    ),
    (
        r"error sending request|failed to fetch|dns error|timed out|network|tunnel"
        r"|connection (refused|reset|closed)|\b50[0-4]\b",
        "The package index could not be reached.",
        f"Check the network and its proxy, {AGAIN}",
    ),
    (
        r"permission denied|access is denied|os error 13\b|os error 5\b|os error 30\b",
        "A file could not be written.",
        f"Check the folder's permissions and the virus scanner, {AGAIN}",
    ),
)
MISSING = re.compile(
    r"([\w.-]+) was not found|no version of ([\w.-]+)"
    r"|(?:wheels? (?:of|for)|found for) `?([\w.-]+)|([\w.-]+)==\S+ has no"
)


def known_cause(words: str) -> InstallError | None:
    """Return the error for common output; None if the output is not known."""
    for pattern, problem, cure in CAUSES:
        if re.search(pattern, words, re.IGNORECASE | re.DOTALL):
            return InstallError(problem, cure)
    return None


def explain(words: str, doing: str) -> InstallError:
    """Return the error for a failed program's last lines.

    Args:
        words: the last lines of its output.
        doing: the task of the program, such as "make a folder".
    """
    if known := known_cause(words):
        return known
    if found := MISSING.search(words):
        name = next(filter(None, found.groups()))
        return InstallError(
            f"The package {name} is not in the package index or folder.",
            "Add it to the folder or index, check whether that needs a password, or clear both in the preferences.",
        )
    last = next((line for line in reversed(words.splitlines()) if line.strip()), "it gave no reason")
    return InstallError(f"The installer could not {doing}: {last.strip()}", "Copy Report has the details.")
