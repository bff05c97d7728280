"""The page, started as `streamlit run dashboard/app.py`."""

from greenscale_dashboard.page import show

show()
