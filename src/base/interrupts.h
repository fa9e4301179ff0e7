// How often the user asked to stop (Ctrl-C, SIGTERM): once means "finish what is paid for", twice "now".
#pragma once

namespace warpwright {

int interrupt_count();  // since install_interrupt_handler (base/subprocess.h)

}  // namespace warpwright
