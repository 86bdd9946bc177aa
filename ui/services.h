// What every view is handed: references to the program's parts. Owned by app/composition, never by a view; all members
// are set and outlive every view. GUI thread, except that `engine` may be called from tasks.
#pragma once

class QUndoGroup;

namespace attune {

class Engine;
class Theme;
class Settings;
class RunBridge;
class CurrentProject;
class ComputerFacts;

struct Services {
    Engine* engine = nullptr;          ///< blocking calls: only inside runTask() (ui/bridge/task.h)
    RunBridge* runs = nullptr;         ///< the training run in progress, and streaming generation
    CurrentProject* project = nullptr; ///< the open project and its stores, or none
    ComputerFacts* computer = nullptr; ///< what this computer can do, measured in the background
    Settings* settings = nullptr;
    Theme* theme = nullptr;
    QUndoGroup* undo = nullptr; ///< Edit > Undo acts on its active stack; a view activates its stack in activated()
};

} // namespace attune
