# The image of all five programs. `npm run image` lays out build/image (Node, its libraries, the bundles) and builds it
# with buildah; `docker build .` works after that too. No shell, no package manager, no root.
FROM scratch
COPY build/image/ /
ENV PATH=/usr/local/bin NODE_ENV=production
WORKDIR /app
USER 65532:65532
