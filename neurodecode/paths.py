"""Names of all results: every path below the results folder is made here.

A path that ends in ``.json`` is the sidecar of an artefact; its other files share its stem.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Paths"]


@dataclass(frozen=True)
class Paths:
    """Where the artefacts of one study lie.

    Parameters
    ----------
    results : Path
        The results folder.
    study : str
        Name of the study.
    """

    results: Path
    study: str

    @property
    def root(self) -> Path:
        """The study's own folder."""
        return self.results / self.study

    def targets(self, target: str) -> Path:
        """Features of the stimuli."""
        return self.root / "targets" / f"{target}.json"

    def responses(self, responses: str, subject: str) -> Path:
        """One subject's responses by one estimator."""
        return self.root / "responses" / responses / f"sub-{subject}.json"

    def design(self) -> Path:
        """Who and what is tested in which fold."""
        return self.root / "design.json"

    def decoders(self, chain: str) -> Path:
        """All folds' fitted decoders of one chain."""
        return self.root / "decoders" / f"{chain}.json"

    def fold(self, chain: str, fold: str, subject: str) -> Path:
        """One fold's fitted decoder of one subject."""
        return self.root / "decoders" / chain / f"fold-{fold}" / f"sub-{subject}.json"

    def conditions(self, chain: str, subject: str) -> Path:
        """What one chain decoded from one subject's test trials."""
        return self.root / "conditions" / chain / f"sub-{subject}.json"

    def encoding(self, encoder: str, subject: str) -> Path:
        """How well one subject's encoding models predict."""
        return self.root / "encoding" / encoder / f"sub-{subject}.json"

    def encoding_model(self, encoder: str, fold: str, subject: str) -> Path:
        """One fold's fitted encoding model of one subject."""
        return self.root / "encoding" / encoder / f"fold-{fold}" / f"sub-{subject}.json"

    def searchlight(self, searchlight: str, subject: str) -> Path:
        """What the neighbourhood of each of one subject's units tells."""
        return self.root / "searchlight" / searchlight / f"sub-{subject}.json"

    def deconfounded(self, deconfounder: str) -> Path:
        """The audit of one way of taking demographics out of features, over all folds."""
        return self.root / "deconfound" / f"{deconfounder}.json"

    def deconfounder(self, deconfounder: str, fold: int) -> Path:
        """One fold's fitted deconfounder, and its rows of the audit."""
        return self.root / "deconfound" / deconfounder / f"fold-{fold}.json"

    def pictures(self, system: str, source: str, subject: str) -> Path:
        """One subject's reconstructions by one system from one source of conditions."""
        return self.root / "pictures" / system / source / f"sub-{subject}.json"

    def scores(self, subject: str) -> Path:
        """One subject's scores by all systems."""
        return self.root / "scores" / f"sub-{subject}.json"

    def online(self, subject: str) -> Path:
        """One subject's scores by online decoders, and what they decoded."""
        return self.root / "scores" / f"sub-{subject}_online.json"

    def specifications(self, subject: str) -> Path:
        """One subject's scores by every specification of the multiverse."""
        return self.root / "multiverse" / f"sub-{subject}.json"

    def ledger(self, subject: str) -> Path:
        """Every query of one subject's test scores; appended to, and no artefact."""
        return self.root / "scores" / f"sub-{subject}_ledger.jsonl"
