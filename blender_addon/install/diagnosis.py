"""What the installer's words mean for an artist: one sentence, and one with the cure. The words are in the log."""

import re

from ..errors import InstallError

AGAIN = "then press the button again: it goes on where it stopped."
CAUSES = (
    (r"no space left|os error 28\b|os error 112\b|disk quota", "The disk is full.", f"Free some space, {AGAIN}"),
    (
        r"file ?size limit|file too large|os error 27\b",
        "The disk does not take files this large.",
        f"Choose another folder, {AGAIN}",
    ),
    (
        r"invalid peer certificate|unknownissuer|certificate verify failed|self.signed certificate",
        "The server's certificate is not trusted.",
        f"In a company, name its certificates in the variable SSL_CERT_FILE or in pip's setting cert, {AGAIN}",
    ),
    (
        r"\b407\b|proxy auth",
        "The proxy asks for a name and a password.",
        f"Name them in the variable HTTPS_PROXY, {AGAIN}",
    ),
    (
        r"\b40[13]\b.*(unauthorized|forbidden)|missing credentials",
        "The package index refused access.",
        f"Put a name and a password into its URL, or choose another index, {AGAIN}",
    ),
    (
        r"hash mismatch|computed:\s*sha256",
        "A file that was downloaded is not the one that was tested.",
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
    """Return what words mean that are often seen; None if they are others."""
    for pattern, problem, cure in CAUSES:
        if re.search(pattern, words, re.IGNORECASE | re.DOTALL):
            return InstallError(problem, cure)
    return None


def explain(words: str, doing: str) -> InstallError:
    """Return what a failed program's last lines mean; `doing` says what it was to do, such as "make a folder"."""
    if known := known_cause(words):
        return known
    if found := MISSING.search(words):
        name = next(filter(None, found.groups()))
        return InstallError(
            f"The package {name} is not where packages are looked for.",
            "Complete the folder or index, see whether it asks for a password, or clear both in the preferences.",
        )
    last = next((line for line in reversed(words.splitlines()) if line.strip()), "it ended without a word")
    return InstallError(f"The installer could not {doing}: {last.strip()}", "Copy Report has the details.")
