"""What parrot.sh starts: `python CHECKOUT 3` is `./parrot.sh 3`, wherever the checkout lies."""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # nohup may have it ignored
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the rest is loaded: no traceback

from broken_record.batch.launch import main

sys.exit(main())
