# Installs the package without and then with the component conformance; a project that needs it must be told that it is missing, and then
# find it.
#   cmake -D BUILD=directory -D PREFIX=directory -D PROJECT=directory -D PROJECT_BUILD=directory -D COMPILER=c++ -P components.cmake

function(install_component component)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} --component ${component} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(configure result output)
  file(REMOVE_RECURSE ${PROJECT_BUILD})
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${PROJECT} -B ${PROJECT_BUILD} -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${PREFIX}
    RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${result} "${status}" PARENT_SCOPE)
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${PREFIX})
install_component(development)
file(GLOB_RECURSE kit_files ${PREFIX}/*conformance* ${PREFIX}/*Conformance*)
list(FILTER kit_files EXCLUDE REGEX "/share/doc/")  # an example of how to use it is no part of it
if(kit_files)
  message(FATAL_ERROR "the kit was installed although nobody asked for it: ${kit_files}")
endif()
configure(status output)
if(status EQUAL 0 OR NOT output MATCHES "the component conformance is[ \n]+not installed")
  message(FATAL_ERROR "a missing component is not named: ${output}")
endif()

install_component(conformance)
configure(status output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the component is not found where it is installed: ${output}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BUILD} COMMAND_ERROR_IS_FATAL ANY)
