"""The engine: nurseries, timers, matching, population. Works on the contracts of ``cts.api``, on any network and clock."""
