# The link to the guest: websocket framing and the guest protocol's host side.
ssh2incus_library(ssh2incus_guest_link SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/console_link.cc
  ${CMAKE_CURRENT_LIST_DIR}/guest_link.cc
  ${CMAKE_CURRENT_LIST_DIR}/guest_link_socket.cc
  ${CMAKE_CURRENT_LIST_DIR}/guest_link_streams.cc
  ${CMAKE_CURRENT_LIST_DIR}/plain_link.cc
  ${CMAKE_CURRENT_LIST_DIR}/plain_session.cc
  ${CMAKE_CURRENT_LIST_DIR}/websocket.cc
  LINK ssh2incus_values wslay)
