// The kinds of document in the corpus. Each function writes one document from the pen's stream. Single thread; no
// files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/starter/pen.h"

namespace attune::starter {

struct Turn {
    std::string role, content;
};

/// Either a plain text or a conversation.
struct Document {
    std::string text;
    std::vector<Turn> messages;
};

Document storyText(Pen& pen);      // a story with or without a title
Document everydayText(Pen& pen);   // descriptions, notes, letters, dialogues, lists, how-to
Document recordText(Pen& pen);     // small structured texts: key: value notes, tables, braces and quotes
Document readingTask(Pen& pen);    // a passage and questions that it answers
Document instruction(Pen& pen);    // a request and its answer
Document customerLetter(Pen& pen); // a customer's message as prose
Document customerTalk(Pen& pen);   // questions about a customer's message, answered in prose

/// A story about two people bound as p and q. Binds whatever the story names.
std::string writeStory(Pen& pen);
/// Forgets all bindings and binds p and q anew.
void newPeople(Pen& pen);

} // namespace attune::starter
