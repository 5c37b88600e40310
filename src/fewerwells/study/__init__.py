"""The study as data: what is run, what came out, what may be said of it; knows nothing of papermill or plots.

`protocol`, arms and designs; `trials` run them and `evaluation` tests them; `table`, the tidy table and its checks;
`quantities`, `across`, `selection` and `coverage`, what is estimated from it; `claims`, what a claim is and how it is
judged; `claim_list`, everything that is claimed, chapter by chapter.
"""
