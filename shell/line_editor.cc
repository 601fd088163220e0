// See line_editor.h. libedit calls back with its own handle only, so that the editor is found by
// its EL_CLIENTDATA.
#include "shell/line_editor.h"

#include <histedit.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "shell/command_line.h"
#include "shell/completion.h"

namespace ssh2incus::shell {
namespace {

constexpr int kHistorySize = 500;
constexpr std::size_t kMaxLine = 64UL * 1024;
constexpr std::size_t kMaxShown = 200;

volatile std::sig_atomic_t g_interrupted = 0;

void on_interrupt(int /*signal*/) { g_interrupted = 1; }

struct EndEditor {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct EndHistory {
  void operator()(History* history) const { history_end(history); }
};

}  // namespace

class LineEditor::Impl {
 public:
  Impl(std::string prompt, Complete complete)
      : prompt_(std::move(prompt)), complete_(std::move(complete)) {
    struct sigaction action {};
    action.sa_handler = on_interrupt;  // and no SA_RESTART: reading ends
    sigaction(SIGINT, &action, nullptr);
    editor_.reset(el_init("ssh2incus-shell", stdin, stdout, stderr));
    history_.reset(history_init());
    HistEvent event{};
    history(history_.get(), &event, H_SETSIZE, kHistorySize);
    history(history_.get(), &event, H_SETUNIQUE, 1);
    el_set(editor_.get(), EL_CLIENTDATA, this);
    el_set(editor_.get(), EL_PROMPT, &Impl::give_prompt);
    el_set(editor_.get(), EL_EDITOR, "emacs");
    el_set(editor_.get(), EL_HIST, history, history_.get());
    el_set(editor_.get(), EL_ADDFN, "ed-complete-incus", "completes a word", &Impl::on_tab);
    el_set(editor_.get(), EL_BIND, "^I", "ed-complete-incus", nullptr);
    el_set(editor_.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }

  Input read(std::string& line) {
    g_interrupted = 0;
    int count = 0;
    const char* text = el_gets(editor_.get(), &count);
    if (g_interrupted != 0) {
      el_reset(editor_.get());
      std::fputs("^C\n", stdout);
      return Input::kInterrupted;
    }
    if (text == nullptr || count <= 0) return Input::kEnd;
    line.assign(text, static_cast<std::size_t>(count));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (line.size() > kMaxLine) line.clear();
    if (line.find_first_not_of(" \t") != std::string::npos) {
      HistEvent event{};
      history(history_.get(), &event, H_ENTER, line.c_str());
    }
    return Input::kLine;
  }

 private:
  static Impl& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<Impl*>(self);
  }
  static char* give_prompt(EditLine* editor) { return of(editor).prompt_.data(); }
  static unsigned char on_tab(EditLine* editor, int /*key*/) { return of(editor).complete(); }

  unsigned char complete() {
    const LineInfo* info = el_line(editor_.get());
    const std::string_view line(info->buffer,
                                static_cast<std::size_t>(info->cursor - info->buffer));
    const std::string last = split_unfinished(line).last;
    const auto words = complete_(line);
    if (words.empty()) return CC_REFRESH_BEEP;
    std::string more = common_beginning(words).substr(last.size());
    if (words.size() == 1) more += ' ';
    if (!more.empty()) {
      el_insertstr(editor_.get(), more.c_str());
      return CC_REFRESH;
    }
    std::fputs("\n", stdout);
    for (std::size_t i = 0; i < words.size() && i < kMaxShown; ++i)
      std::fprintf(stdout, "%s%s", words[i].c_str(), (i + 1) % 6 == 0 ? "\n" : "  ");
    std::fputs("\n", stdout);
    return CC_REDISPLAY;
  }

  std::string prompt_;
  Complete complete_;
  std::unique_ptr<EditLine, EndEditor> editor_;
  std::unique_ptr<History, EndHistory> history_;
};

LineEditor::LineEditor(std::string prompt, Complete complete)
    : impl_(std::make_unique<Impl>(std::move(prompt), std::move(complete))) {}
LineEditor::~LineEditor() = default;

LineEditor::Input LineEditor::read(std::string& line) { return impl_->read(line); }

}  // namespace ssh2incus::shell
