//! Holds `deploy/docker/Dockerfile`, the second way to the same images, to the first one.
