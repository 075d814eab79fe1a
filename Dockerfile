# doodled in a container: the daemon with its models in process, and Mesa for software rendering. etc/doc/container.md explains how to use
# it; etc/compose.yaml runs it beside a model server.
#
#   docker build -t doodled .        or: buildah bud --format docker -t doodled .   (OCI's own format has no HEALTHCHECK)
#
# Why Debian's Python and not python:slim: etc/doc/decisions/0005-container-image.md.

# --- base: Python, Mesa, and the vendor file with which libglvnd finds NVIDIA's library if the runtime adds it ---------------------------
FROM debian:bookworm-slim AS base
RUN printf 'path-exclude /usr/share/%s/*\n' doc man info locale >/etc/dpkg/dpkg.cfg.d/slim \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 libegl1 libgl1-mesa-dri libopengl0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "libEGL_nvidia.so.0"}}\n' \
        >/usr/share/glvnd/egl_vendor.d/10_nvidia.json \
 && useradd --uid 1000 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin doodled \
 && install -d -o doodled -g doodled -m 770 /var/lib/doodled

# --- build: makes /opt/doodled, the only thing that is copied from this stage ------------------------------------------------------------
FROM base AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv binutils
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/doodled
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# Dependencies first, in a layer that does not change with our own code. Without DuckDB (67 MB): it is for `doodled report`, which reads
# logs outside of the container.
# --build-arg EXTRA=dask adds what a cluster needs.
COPY pyproject.toml requirements.lock ./
ARG EXTRA=
RUN EXTRA=$EXTRA python3 -c "import os, tomllib; all = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        print(*all['dependencies'], *all['optional-dependencies'].get(os.environ['EXTRA'], []), sep='\n')" \
        | grep -v duckdb >/dependencies \
 && /opt/pip/bin/pip --python /opt/doodled/bin/python install --no-compile -r /dependencies -c requirements.lock

# Remove a third of the wheels: tests, headers, debug symbols, packages of SciPy and PyOpenGL that are not used, ONNX Runtime's tools and
# its library for C programs. The last step of this stage proves that nothing needed is missing.
RUN cd /opt/doodled/lib/python3*/site-packages \
 && find . -type d -name tests ! -path './numpy/_core/tests' -prune -exec rm -rf {} + \
 && find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c' -o -name '*.a' \) -delete \
 && cd scipy && rm -rf cluster datasets differentiate fft fftpack integrate interpolate io misc odr optimize signal spatial stats && cd .. \
 && for each in DLLS Tk GLE GLES1 GLES2 GLES3 GLUT GLX WGL; do rm -rf OpenGL/$each OpenGL/raw/$each; done \
 && cd onnxruntime && rm -rf backend datasets quantization tools transformers capi/libonnxruntime.so* && cd .. \
 && find av PIL yaml -name '*.so' -exec strip --strip-unneeded {} +

COPY README.md LICENSE ./
COPY daemon daemon
COPY pipeline pipeline
COPY etc etc
RUN PIP_CONSTRAINT=requirements.lock /opt/pip/bin/pip --python /opt/doodled/bin/python install --no-compile --no-deps .

# It must animate drawings into every format. Bytecode of the modules that this imports is kept.
ENV PATH=/opt/doodled/bin:$PATH
RUN DOODLED_ROOT=/tmp/spool DOODLED_ANIMATION_FORMATS=gif,mp4,webm,webp,apng DOODLED_STORAGE_RESERVE_MB=0 \
 && export DOODLED_ROOT DOODLED_ANIMATION_FORMATS DOODLED_STORAGE_RESERVE_MB \
 && mkdir -p $DOODLED_ROOT/inbox && cp etc/drawings/*.jpg $DOODLED_ROOT/inbox \
 && doodled check && doodled run --drain \
 && test "$(ls $DOODLED_ROOT/outbox/*.json | wc -l)" = "$(ls etc/drawings/*.jpg | wc -l)" \
 && doodled health | grep '^unhealthy' \
 && find /opt/doodled -name '*.pyc' | sed 's|__pycache__/\(.*\)\.cpython-[0-9]*\.pyc|\1.py|' >/imported \
 && python3 -m compileall -q -f --invalidation-mode unchecked-hash -i /imported

# --- image -------------------------------------------------------------------------------------------------------------------------------
FROM base
COPY --from=build /opt/doodled /opt/doodled
ENV PATH=/opt/doodled/bin:$PATH \
    DOODLED_ROOT=/var/lib/doodled \
    DOODLED_LOG_FORMAT=json \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1 \
    MESA_SHADER_CACHE_DISABLE=true \
    ORT_DISABLE_TELEMETRY=1 \
    NVIDIA_DRIVER_CAPABILITIES=graphics,utility
VOLUME /var/lib/doodled
USER 1000:1000
# Unhealthy when the main loop has hung for 30 s, twice in a row. An unavailable model server or a full disk does not count: a restart
# would not help.
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=2 CMD ["doodled", "health"]
ENTRYPOINT ["doodled"]
CMD ["run"]
