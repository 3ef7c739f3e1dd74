"""Exit 0 when the web server in this container says that it is healthy."""

import sys
from http.client import HTTPConnection

web = HTTPConnection("127.0.0.1", 8000, timeout=2)
web.request("GET", "/health")
sys.exit(web.getresponse().status != 200)
