"""A region's sales of a year: forecast = (0.2 a + 0.3 b + 0.5 c) x k, with everything needed to explain it.

years, months ─▶ panel ─▶ inner (c, XGBoost) ─┐
prices ─────────▶ coefficient (k) ────────────┼─▶ blend ─▶ bands
                  correlation (reliable?) ────┘
"""
