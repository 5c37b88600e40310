"""What a reader sees: numbers in sentences (`report`), `verdicts` on claims, `plots`, interactive `widgets`, the `build`."""
