"""Control datagrams: what two ends of cts tell each other beside media, in the same UDP flow. Sans-IO.

===================  ================================================================================================
``fields``           type-length-value fields and what their bytes mean
``messages``         what can be said, as values
``layouts``          which fields each message has; encoding, decoding
``limits``           a plan that is asked for, the caps of a server, and what comes of the two
``cookie``           whether an address receives what is sent to it, without keeping anything of it
``keys``             keys that two ends share, what is derived from them; ``key_file`` reads them
``states``           the states of both ends, as a table
``client``           a client's side of the handshake
``acceptor``         a server's side, for all of its peers
``session``          sealed datagrams of one stream: no forged one, none twice
``belief``           what of a peer's counts can be
``channel``          what one end of a stream says and hears until its end, with ``pinging`` and ``results``
===================  ================================================================================================

Calling order: a client polls and hears :class:`~cts.protocol.control.client.ClientHandshake` until it is welcomed; a server
has :class:`~cts.protocol.control.acceptor.Acceptor` hear every HELLO. Each then has a
:class:`~cts.protocol.control.session.Session`, from which it makes a
:class:`~cts.protocol.control.channel.StreamChannel`. ``now`` is an argument everywhere and must not go backwards; a call too
many, too early or too late changes nothing.

Bytes and states are written down in ``docs/reference/handshake.md``.
"""
