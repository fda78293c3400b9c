"""What programs use of syncd: the stores of files, with Convex behind them where it is there."""
