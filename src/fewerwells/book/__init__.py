"""What a reader sees: numbers in sentences (`report`), `plots`, interactive `widgets`, and the book's `build`."""
