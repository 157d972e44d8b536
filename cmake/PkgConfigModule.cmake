# What pkg-config and its users find of this package: installs NAME.pc, whose paths begin where it is found itself.
#   hybridbuffer_add_module(name description [required-module…])
function(hybridbuffer_add_module name description)
  list(JOIN ARGN ", " requires)
  file(RELATIVE_PATH prefix /${CMAKE_INSTALL_DATADIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" prefix "${prefix}")
  file(CONFIGURE OUTPUT ${name}.pc @ONLY CONTENT [[
prefix=${pcfiledir}/@prefix@
includedir=${prefix}/@CMAKE_INSTALL_INCLUDEDIR@

Name: @name@
Description: @description@
Version: @PROJECT_VERSION@
Requires: @requires@
Cflags: -I${includedir}
]])
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
endfunction()
