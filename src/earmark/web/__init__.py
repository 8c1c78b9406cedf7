"""`earmark serve`: a page to look and decide, and an HTTP API. No torch, and no logic of its own.

`settings`     what a server is started with
`server`       the application behind a socket, from start to SIGTERM
`app`          the routes put together; the page's routes are described there
`v1`           the routes of the public API
`listen`       sound in over a WebSocket, events out
`parameters`   what its requests may ask for
`stream`       events as they are found
`telemetry`    what is counted
`page`         the routes of the page
`review`       the routes of the review of events
`service`      what the routes share; recordings below `--root`; JSON that carries any name
`work`         a few recordings in work, a bounded queue
`shelf`        the recordings of the page
`scoring`      a file scored as the command line does it
`spectrogram`  its picture, in tiles
`uploads`      what a client sends, onto the disk
`security`     token, host, origin, content policy
"""
