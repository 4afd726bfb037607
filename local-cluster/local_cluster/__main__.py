"""Entry point of `python -m local_cluster`."""

import sys

from local_cluster.cli import main

sys.exit(main())
