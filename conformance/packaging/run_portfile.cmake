# Runs the vcpkg port without vcpkg: what its helpers do with this project, by hand. An unknown call stops it, as vcpkg would.
#   cmake -D PORT_DIRECTORY=directory -D WORK=directory -P run_portfile.cmake
set(PORT hybridbuffer)
set(CURRENT_PORT_DIR ${PORT_DIRECTORY})
set(CURRENT_PACKAGES_DIR ${WORK}/package)

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 CALL "" "SOURCE_PATH" "OPTIONS")
  if(CALL_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "vcpkg_cmake_configure: ${CALL_UNPARSED_ARGUMENTS}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${CALL_SOURCE_PATH} -B ${WORK}/build -D CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${CALL_OPTIONS}
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/build COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 CALL "" "PACKAGE_NAME;CONFIG_PATH" "")
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${CALL_CONFIG_PATH}/*)
  if(NOT files)
    message(FATAL_ERROR "vcpkg_cmake_config_fixup: nothing in ${CALL_CONFIG_PATH}")
  endif()
  string(TOLOWER ${CALL_PACKAGE_NAME} package)
  file(INSTALL ${files} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${package})
  file(REMOVE ${files})
  # The package is one folder nearer to its root than before, which vcpkg writes into the targets file.
  file(READ ${CURRENT_PACKAGES_DIR}/share/${package}/HybridBufferTargets.cmake text)
  string(REGEX REPLACE "get_filename_component\\(_IMPORT_PREFIX[^\n]*\n(get_filename_component\\(_IMPORT_PREFIX[^\n]*\n)*"
    "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_DIR}/../..\" ABSOLUTE)\n" text "${text}")
  file(WRITE ${CURRENT_PACKAGES_DIR}/share/${package}/HybridBufferTargets.cmake "${text}")
endfunction()

function(vcpkg_fixup_pkgconfig)
  file(GLOB modules ${CURRENT_PACKAGES_DIR}/share/pkgconfig/*.pc)
  if(NOT modules)
    message(FATAL_ERROR "vcpkg_fixup_pkgconfig: no modules")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 CALL "" "" "FILE_LIST")
  file(INSTALL ${CALL_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

file(REMOVE_RECURSE ${WORK})
include(${PORT_DIRECTORY}/portfile.cmake)

# What vcpkg's checks after an installation ask of a package of headers.
foreach(file include/hybridbuffer/hybrid_buffer.hpp share/hybridbuffer/copyright share/hybridbuffer/usage
             share/hybridbuffer/HybridBufferConfig.cmake share/pkgconfig/hybridbuffer.pc)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "the port installs no ${file}")
  endif()
endforeach()
foreach(folder debug lib bin share/cmake share/doc)
  if(EXISTS ${CURRENT_PACKAGES_DIR}/${folder})
    message(FATAL_ERROR "the port leaves ${folder} in its package")
  endif()
endforeach()

# The moved package is found, and leads to the headers.
file(WRITE ${WORK}/project/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.25)
project(Project LANGUAGES CXX)
find_package(HybridBuffer CONFIG REQUIRED)
get_target_property(directories HybridBuffer::HybridBuffer INTERFACE_INCLUDE_DIRECTORIES)
string(REGEX MATCH "/[^;>]*" directory "${directories}")
if(NOT EXISTS "${directory}/hybridbuffer/hybrid_buffer.hpp")
  message(FATAL_ERROR "no headers in ${directories}")
endif()
]])
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/project -B ${WORK}/project/build -D HybridBuffer_DIR=${CURRENT_PACKAGES_DIR}/share/hybridbuffer
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
file(REMOVE_RECURSE ${WORK})
