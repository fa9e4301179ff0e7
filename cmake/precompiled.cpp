// Owner of the precompiled header (cmake/Targets.cmake).
