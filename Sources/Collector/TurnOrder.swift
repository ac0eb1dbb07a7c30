/// Which questions work, of those that want to: a few at a time, and next always the one that has worked least so far
/// (foreground-background scheduling; Kleinrock, Queueing Systems, volume 2, section 4.4). So a short question waits for no
/// long one, and long ones share what is left.
struct TurnOrder {
    private let workingMax: Int
    private var workingCount = 0
    private var waiting: [(question: Int, worked: Duration)] = []

    init(workingMax: Int) { self.workingMax = workingMax }

    /// True where the question may work at once; else it waits until `leave` names it.
    mutating func ask(_ question: Int, worked: Duration) -> Bool {
        guard workingCount < workingMax else {
            waiting.append((question, worked))
            return false
        }
        workingCount += 1
        return true
    }

    /// A turn ends. The question whose turn begins: of those that worked least, the one that has waited longest.
    mutating func leave() -> Int? {
        guard let next = waiting.indices.min(by: { waiting[$0].worked < waiting[$1].worked })
        else {
            workingCount -= 1
            return nil
        }
        return waiting.remove(at: next).question
    }

    /// A question does not wait any more. False where it does not wait: its turn has begun.
    mutating func giveUp(_ question: Int) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.question == question }) else {
            return false
        }
        waiting.remove(at: index)
        return true
    }
}
