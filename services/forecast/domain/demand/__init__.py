"""Weekly demand of every product in every region, some weeks ahead, with an interval whose coverage is measured.

panel ──▶ features ──▶ model ──▶ intervals ──▶ forecasts
  └──────────────────────┴──▶ backtest (against naive and seasonal naive)
"""
