"""Everything that runs: chapters through papermill, sweeps, stored pieces; knows nothing of science's insides.

`parameters`, what a reader may set; `reading_order` of the notebooks; `chapters` through papermill, in kernels that a
`nursery` forks for a build; `experiments`, designs whose pieces are stored: `stored_networks` and `cells`, which run
side by side; `identity`, what makes a stored number stale; `storage`, files written whole; `points` and `sweeps`, many
runs of a chapter; `leases` of cores; `comparison` with the published tables; `forecast` of the time; `pretraining` of
the networks that come with the package.
"""
