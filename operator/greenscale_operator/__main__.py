"""`python -m greenscale_operator`."""

from greenscale_operator.main import main

main()
