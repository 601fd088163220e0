# Fuzz targets of monitor/parts.cmake.
ssh2incus_fuzz(host_key_fuzz SOURCES host_key_fuzz.cc LINK ssh2incus_monitor_keys)
ssh2incus_fuzz(signature_fuzz SOURCES signature_fuzz.cc LINK ssh2incus_monitor_keys)
ssh2incus_fuzz(attendant_message_fuzz SOURCES attendant_message_fuzz.cc LINK ssh2incus_attendant)
