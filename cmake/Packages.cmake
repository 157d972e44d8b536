# `cmake --build … --target package`, or cpack: a Debian package for each component that is built.
#   libhybridbuffer-dev              the headers, the CMake package, the pkg-config modules, the documentation
#   libhybridbuffer-conformance-dev  the conformance kit
#   hybrid-spool                     the program

# Named as Debian names it, so that there is one folder of documentation and not a second one for its policy.
set(documentation ${CMAKE_INSTALL_DATADIR}/doc/libhybridbuffer-dev)
install(FILES README.md LICENSE DESTINATION ${documentation})
install(DIRECTORY docs DESTINATION ${documentation} PATTERN "packaging" EXCLUDE)

# Debian's copyright file, made of LICENSE.
file(READ LICENSE license)
string(REGEX REPLACE "^.*Copyright \\(c\\) ([^\n]+).*$" "\\1" holder "${license}")
string(REGEX REPLACE "^.*(Permission is hereby)" "\\1" license "${license}")
string(STRIP "${license}" license)
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license "${license}")
file(WRITE ${PROJECT_BINARY_DIR}/debian/copyright
  "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: ${PROJECT_NAME}\n\n"
  "Files: *\nCopyright: ${holder}\nLicense: Expat\n ${license}\n")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hybridbuffer)
set(CPACK_PACKAGE_VENDOR "HybridBuffer authors")
if(NOT CPACK_PACKAGE_CONTACT)
  set(CPACK_PACKAGE_CONTACT "HybridBuffer authors <authors@hybridbuffer.invalid>")  # -D CPACK_PACKAGE_CONTACT=… for who gives it away
endif()
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "byte buffer that lives in memory and spills to storage")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

# hybridbuffer_debian_package(component PACKAGE name DESCRIPTION text FIELDS NAME value…)     FIELDS: as CPACK_DEBIAN_<COMPONENT>_<NAME>
macro(hybridbuffer_debian_package component)
  cmake_parse_arguments(DEBIAN "" "PACKAGE;DESCRIPTION" "FIELDS" ${ARGN})
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${DEBIAN_PACKAGE})
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION_SUMMARY}\n${DEBIAN_DESCRIPTION}")
  while(DEBIAN_FIELDS)
    list(POP_FRONT DEBIAN_FIELDS field value)
    set(CPACK_DEBIAN_${upper}_${field} "${value}")
  endwhile()
  install(FILES ${PROJECT_BINARY_DIR}/debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${DEBIAN_PACKAGE}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()
hybridbuffer_debian_package(development PACKAGE libhybridbuffer-dev
  DESCRIPTION "A header-only C++23 library: a byte buffer composed of a memory policy, a spill\npolicy and a storage backend."
  FIELDS
    PACKAGE_ARCHITECTURE all
    PACKAGE_SECTION libdevel
    PACKAGE_RECOMMENDS "g++ (>= 4:12)"
    PACKAGE_SUGGESTS "cmake (>= 3.25), pkgconf, librange-v3-dev, libisal-dev, libssl-dev (>= 3), libzstd-dev, liblz4-dev, libsnappy-dev, zlib1g-dev, libxxhash-dev, libcurl4-openssl-dev (>= 7.85), libexpat1-dev, libhiredis-dev")
if(TARGET HybridBufferConformance)
  hybridbuffer_debian_package(conformance PACKAGE libhybridbuffer-conformance-dev
    DESCRIPTION "The conformance kit: tells which clauses of its contract a storage backend or a\npolicy breaks."
    FIELDS
      PACKAGE_SECTION libdevel
      PACKAGE_DEPENDS "libhybridbuffer-dev (= ${PROJECT_VERSION})"
      PACKAGE_SUGGESTS libboost-test-dev)
endif()
if(TARGET hybrid-spool)
  hybridbuffer_debian_package(spool PACKAGE hybrid-spool
    DESCRIPTION "A program for pipes: decouples a fast producer from a slow consumer, in bounded\nmemory and unbounded storage."
    FIELDS
      PACKAGE_SECTION utils
      PACKAGE_SHLIBDEPS ON)
endif()
include(CPack)
