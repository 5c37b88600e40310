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
_STRAIN_FILES = {  # strains as they live, then a mutant: path and SHA-256. BC187 is left out, whose wells are all induced
    "DBVPG1853": ("traits/01-DBVPG1853.mat", "e65894c6f8439c1724769e3a885ef02a3de79307777361c84c07d3afbc91c6ae"),
    "I14": ("traits/02-I14.mat", "39d40c4ec2286b806a990c2afc10adaa1e84c5dc9fee9d7a6e94c282fcb35fe3"),
    "IL-01": ("traits/03-IL-01.mat", "c0fd59deedd8b9062f2fa8270c06b1bd9144a08edbce529bb94c17e320988619"),
    "L-1528": ("traits/04-L-1528.mat", "034f7c73586bf6d9725e0efeb0543029c6e4a43cec7fb90efe0da7a3d3054ece"),
    "YPS163": ("traits/05-YPS163.mat", "e78105a32a03d0e876bedc7bcdc1d78cdab8d5a7eedf443dc5783a504a9cf955"),
    "YPS606": ("traits/06-YPS606.mat", "700d9823d541fe9bc5274a62e658cd511f33c6ef8ef32bc6124fecd5cd389098"),
    "273614N": ("traits/07-273614N.mat", "c8ede2c2ae2f195a0cfb8b884edb76a0068a0646f8832caec73d8a5da1ab8b32"),
    "CLIB324": ("traits/09-CLIB324.mat", "5264a492df7b55a8504bad1edf7ece80b2b29932ca6e7238ae4a0c8efb89661b"),
    "DBVPG6765": ("traits/10-DBVPG6765.mat", "887f6f59c2a5ca16390b2535ed1e8de5019b57d263d5f23fe61aa983837e9e6f"),
    "UWOPS87-2421": ("traits/11-UWOPS87-2421.mat", "e37873a08371de6e304d3534a756d343dac27d4c5535aa6499c90ce8d9f74abb"),
    "Y12-SGRP": ("traits/12-Y12-SGRP.mat", "540bb751e0c43c21bbd5545423ee021e1541ee83d11f3a3dcffff058304f5384"),
    "S288C": ("traits/13-S288C.mat", "a9f95559a376af5922b443968c145c7c3243a684684784d9cedc86386abfda96"),
    "YJM975": ("traits/14-YJM975.mat", "7cd9171076e792c44c31a718c78fdd0e9d3ee4776eb57de6f7813e4be85b1374"),
    "YJM981": ("traits/15-YJM981.mat", "de027d3616afd2e7f0c36417dc9365a11cad82f63032cc8dce566698a91e0519"),
    "mig1Δ": ("metadata/mig1d_all_data.mat", "d5c6073d1add9153fde5296ae471f89034d5ac2c8007be89c455d81648ce5e80"),
}
STRAINS = {name: DataFile(GALACTOSE, path, f"sha256:{digest}") for name, (path, digest) in _STRAIN_FILES.items()}
NATURAL = tuple(name for name, (path, _) in _STRAIN_FILES.items() if path.startswith("traits/"))


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
