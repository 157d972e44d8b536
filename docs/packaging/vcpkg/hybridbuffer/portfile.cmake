# An overlay port of the tree that it stands in:
#   vcpkg install hybridbuffer --overlay-ports=docs/packaging/vcpkg
# In a registry of ports, vcpkg_from_github takes the place of this line.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release) # header-only
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DHYBRIDBUFFER_BUILD_TESTS=OFF
        -DHYBRIDBUFFER_BUILD_CONFORMANCE=OFF
        -DHYBRIDBUFFER_BUILD_BENCHMARKS=OFF
        -DHYBRIDBUFFER_BUILD_DOCS=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME HybridBuffer CONFIG_PATH share/cmake/HybridBuffer)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE
    "${CURRENT_PACKAGES_DIR}/lib"
    "${CURRENT_PACKAGES_DIR}/share/cmake"
    "${CURRENT_PACKAGES_DIR}/share/doc"
)
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
