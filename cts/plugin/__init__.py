"""Plugins: found and checked (``registry``), chosen by a configuration, guarded while they run, and told of."""
