"""Published measurements: fetched from the repositories of their authors by commit and checksum, or found at hand.

Nothing of them comes with this package. `FEWERWELLS_DATA` may name a folder that holds the files, at any depth; a file
counts where its checksum does. Otherwise pooch fetches it once and keeps it in the user's cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

DATA = "FEWERWELLS_DATA"


class NoMeasurements(ValueError):
    """Published measurements are neither at hand nor to be fetched; the message says what to do."""

    def _render_traceback_(self) -> list[str]:  # notebooks show the sentence alone
        return [f"Refused: {self}"]


@dataclass(frozen=True)
class Repository:
    """Where measurements are published.

    Attributes:
        name: owner and name on GitHub.
        commit: the one that is fetched.
        licence: as the repository states it.
        about: who measured what, with a citation key.
    """

    name: str
    commit: str
    licence: str
    about: str

    def url(self, path: str) -> str:
        """The address of a file as GitHub hands it out."""
        return f"https://raw.githubusercontent.com/{self.name}/{self.commit}/{path}"


LACI = Repository(
    "RPGroup-PBoC/mwc_induction",
    "8dc5ad6019383edfb6f6b05476fb049371820805",
    "MIT",
    "Induction of a repressed promoter in E. coli by flow cytometry, raw replicates (razomejia2018).",
)
HORMONE = Repository(
    "mgschiavon/GZM_InducibleTF",
    "8daaafae70ba6d500064effe9050ab92893b3f5e",
    "GPL-3.0",
    "Inducible transcription factors in yeast, hormone by factor, means and standard deviations (gomez2020).",
)
GALACTOSE = Repository(
    "JiayinHong/Natural-variation-in-yeast-GAL-pathway-induction",
    "552fb18f003c628dac45bdac12918d382de1a9a8",
    "none stated: fetched for your own use, and not to be passed on",
    "Yeast on double gradients of glucose and galactose by flow cytometry, single wells (hong2021).",
)
ANTIVIRALS = Repository(
    "cran/BIGL",
    "d485b845a6e2afe39e851bc60549e05772d1b340",
    "GPL-3",
    "Pairs of antivirals on cells, raw replicates, from the R package BIGL (vanderborght2017).",
)


@dataclass(frozen=True)
class DataFile:
    """One file of a repository.

    Attributes:
        repository: where it lies.
        path: inside the repository.
        checksum: "sha256:…" or "md5:…" of its bytes; "rows:…" of its lines without comments, which is what counts
            where a copy may lack them.
        exported: name and checksum of the same table as CSV, which also counts at hand; "" and "" where there is none.
    """

    repository: Repository
    path: str
    checksum: str
    exported: tuple[str, str] = ("", "")

    def fetch(self) -> Path:
        """Its path on this machine.

        Raises:
            NoMeasurements: it is not at hand and cannot be fetched, or what was fetched is another file.
        """
        for name, checksum in ((Path(self.path).name, self.checksum), self.exported):
            if name and (found := _at_hand(name, checksum)):
                return found
        import pooch

        pooch.get_logger().setLevel(logging.WARNING)
        kind, _, digest = self.checksum.partition(":")
        try:
            fetched = pooch.retrieve(
                self.repository.url(self.path),
                known_hash=None if kind == "rows" else f"{kind}:{digest}",
                fname=f"{self.repository.commit[:8]}-{Path(self.path).name}",
                path=pooch.os_cache("fewerwells"),
            )
        except (OSError, ValueError) as error:  # no network, or another file than the one that was named
            raise NoMeasurements(
                f"{self.path} of {self.repository.name} is not at hand and could not be fetched "
                f"({type(error).__name__}). Go online, or set {DATA} to a folder that holds the file."
            ) from None
        if checksum_of(Path(fetched), kind) != self.checksum:
            raise NoMeasurements(f"{fetched} is not the file that was published: its checksum differs. Delete it.")
        return Path(fetched)


def checksum_of(path: Path, kind: str) -> str:
    """The checksum of a file, written as `DataFile.checksum` is."""
    data = path.read_bytes()
    if kind == "rows":
        lines = data.decode("utf-8-sig").splitlines()
        data = "".join(f"{line}\n" for line in lines if line.strip() and not line.startswith("#")).encode()
        return f"rows:{hashlib.sha256(data).hexdigest()}"
    return f"{kind}:{hashlib.new(kind, data).hexdigest()}"


def _at_hand(name: str, checksum: str) -> Path | None:
    folder = os.environ.get(DATA)
    if not folder:
        return None
    kind = checksum.partition(":")[0]
    return next((path for path in sorted(Path(folder).rglob(name)) if checksum_of(path, kind) == checksum), None)


FLOW = DataFile(LACI, "data/flow_master.csv", "rows:9dc4ab10cc5f2d644d8822dce12eccef43d48502b024be43e8b377759282a896")
SURFACES = DataFile(
    HORMONE, "DATA_synTF.mat", "sha256:44ee3541301a3395f7a2907bf336146b7087d25899f4440e6f441c1ff67af917"
)
PAIRS = DataFile(
    ANTIVIRALS,
    "data/directAntivirals.RData",
    "md5:0f67a5bd309c196fc18f1f9d6d60a63c",
    ("directAntivirals.csv", "sha256:18ec4bd8c79bf688c7bff79c592c5b7ea75eefce2c80434e485dc6870049cd7e"),
)
STRAINS = {
    "S288C": DataFile(
        GALACTOSE,
        "traits/13-S288C.mat",
        "sha256:a9f95559a376af5922b443968c145c7c3243a684684784d9cedc86386abfda96",
    ),
    "I14": DataFile(
        GALACTOSE,
        "traits/02-I14.mat",
        "sha256:39d40c4ec2286b806a990c2afc10adaa1e84c5dc9fee9d7a6e94c282fcb35fe3",
    ),
    "mig1Δ": DataFile(
        GALACTOSE,
        "metadata/mig1d_all_data.mat",
        "sha256:d5c6073d1add9153fde5296ae471f89034d5ac2c8007be89c455d81648ce5e80",
    ),
}


def induction(operator: str) -> pd.DataFrame:
    """LacI induction at one operator, one row a well: repressors (copies), IPTG (µM), fold_change; controls left out.

    Copies are twice the numbers in the file: as many as the authors' model counts.
    """
    table = pd.read_csv(FLOW.fetch(), comment="#", dtype={"operator": str})
    table = table[(table["operator"] == operator) & (table["repressors"] > 0)]
    return pd.DataFrame(
        {
            "repressors": 2.0 * table["repressors"],
            "IPTG": table["IPTG_uM"].astype(float),
            "fold_change": table["fold_change_A"],
        }
    ).reset_index(drop=True)


def surface(factor: str) -> pd.DataFrame:
    """An inducible factor, one row a cell: hormone (nM), factor (relative), output and its standard deviation `sd`."""
    from scipy.io import loadmat

    one = loadmat(SURFACES.fetch(), squeeze_me=True, struct_as_record=False)["xd"].__dict__[factor]
    hormone, level = np.meshgrid(one.H, one.X, indexing="ij")
    columns = {"hormone": hormone, "factor": level, "output": one.Y, "sd": one.Ysd}
    return pd.DataFrame({name: np.asarray(values, float).ravel() for name, values in columns.items()})


def strain(name: str) -> pd.DataFrame:
    """A yeast strain, one row a well: glucose and galactose (%), and the induced share of the cells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of older kinds of tables, and of an option of pandas
        from matio import load_from_mat

        table = load_from_mat(str(STRAINS[name].fetch()))["trait"]
    if not isinstance(table, pd.DataFrame):  # an older kind of table, whose columns are named beside its data
        held = table.properties
        names = [str(name.item()) for name in held["varnames"].ravel()]
        table = pd.DataFrame({name: values.ravel() for name, values in zip(names, held["data"].ravel(), strict=True)})
    columns = {"glucose": table["gluc"], "galactose": table["galc"], "induced": table["ind_frac"]}
    return pd.DataFrame(columns).astype(float).dropna().reset_index(drop=True)


def antivirals(experiment: int) -> pd.DataFrame:
    """A pair of antivirals, one row a well: dose_1 and dose_2 (unit not given), and the number of cells."""
    path = PAIRS.fetch()
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype={"experiment": str})
    else:
        import rdata

        table = rdata.read_rda(path)["directAntivirals"]
    table = table[table["experiment"].astype(str) == str(experiment)]
    columns = {"dose_1": table["d1"], "dose_2": table["d2"], "cells": table["effect"]}
    return pd.DataFrame(columns).astype(float).reset_index(drop=True)
