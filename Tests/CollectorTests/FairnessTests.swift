import NIOCore
import Testing

@testable import Collector

@Suite struct TurnOrderTests {
    @Test func whoHasWorkedLeastIsNext() {
        var order = TurnOrder(workingMax: 2)
        let begun = [
            order.ask(1, worked: .seconds(9)), order.ask(2, worked: .seconds(3)),
            order.ask(3, worked: .seconds(5)), order.ask(4, worked: .zero),
            order.ask(5, worked: .seconds(5)), order.ask(6, worked: .zero),
        ]
        #expect(begun == [true, true, false, false, false, false])
        // The short ones first; of equals the one that came first.
        var next: [Int?] = []
        for _ in 0..<6 { next.append(order.leave()) }
        #expect(next == [4, 6, 3, 5, nil, nil])
        let again = (7...9).map { order.ask($0, worked: .zero) }
        #expect(again == [true, true, false])
    }

    @Test func whoGivesUpGetsNoTurn() {
        var order = TurnOrder(workingMax: 1)
        let begun = [order.ask(1, worked: .zero), order.ask(2, worked: .zero)]
        #expect(begun == [true, false])
        let (first, second) = (order.giveUp(2), order.giveUp(2))
        #expect(first && !second, "the second time its turn may have begun")
        let next = order.leave()
        #expect(next == nil)
    }
}

@Suite struct QuotaTests {
    @Test func onePeerLeavesRoomForOthers() throws {
        let quota = Quota(max: 5, peerMax: 2)
        var shares = try ["a", "a", "b", "b"].map { try quota.enter($0) }
        #expect(throws: Quota.Refusal.self) { try quota.enter("a") }
        shares.append(try quota.enter("c"))
        #expect(throws: Quota.Refusal.self) { try quota.enter("d") }
        shares.removeFirst()
        shares.append(try quota.enter("d"))
        shares = []
        let again = try ["a", "a"].map { try quota.enter($0) }
        #expect(again.count == 2)
    }
}

@Suite struct RequestClockTests {
    private static let pace = RequestClock.Pace(
        head: .seconds(15), keepAlive: .seconds(90), bodyGrace: .seconds(10),
        bodyBytesPerSecond: 1000, reading: .seconds(300), ending: .seconds(5))

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test func aByteNowAndThenIsNoProgress() {
        var clock = RequestClock(Self.pace, now: at(0))
        #expect(clock.deadline == at(15))
        clock.headCame(now: at(14))
        #expect(clock.deadline == at(24))
        clock.bodyCame(bytes: 1)
        #expect(clock.deadline == at(24) + .milliseconds(1))
        clock.bodyCame(bytes: 5999)
        #expect(clock.deadline == at(30))
        clock.requestEnded(now: at(29))
        #expect(clock.deadline == nil, "it is the collector's turn")
        clock.answerEnded(now: at(40))
        #expect(clock.deadline == at(130))
    }

    @Test func aReaderThatTakesNothingIsCut() {
        var clock = RequestClock(Self.pace, now: at(0))
        clock.headCame(now: at(1))
        clock.requestEnded(now: at(1))
        clock.pieceQueued(now: at(2))
        clock.pieceQueued(now: at(3))
        #expect(clock.deadline == at(302))
        clock.pieceSent(now: at(200))
        #expect(clock.deadline == at(500))
        clock.pieceSent(now: at(201))
        #expect(clock.deadline == nil, "nothing waits for it")
    }

    @Test func anAnswerMayComeBeforeTheBodyHas() {
        var clock = RequestClock(Self.pace, now: at(0))
        clock.headCame(now: at(1))
        clock.answerEnded(now: at(2))
        #expect(clock.deadline == at(11), "the rest of the body is still expected")
        clock.requestEnded(now: at(3))
        #expect(clock.deadline == at(93))
    }

    @Test func requestsInARow() {
        var clock = RequestClock(Self.pace, now: at(0))
        for _ in 0..<2 {
            clock.headCame(now: at(1))
            clock.requestEnded(now: at(1))
        }
        clock.answerEnded(now: at(2))
        #expect(clock.deadline == nil, "the other one is not answered")
        clock.answerEnded(now: at(3))
        #expect(clock.deadline == at(93))
    }

    @Test func shuttingDownEndsEverything() {
        var clock = RequestClock(Self.pace, now: at(0))
        clock.headCame(now: at(1))
        clock.requestEnded(now: at(1))
        clock.shutDown(now: at(2))
        clock.shutDown(now: at(4))
        #expect(clock.deadline == at(7))
    }
}

@Suite struct FormQueryTests {
    @Test(arguments: [
        ("where=%7B+text+%3D~+%22a%2Bb%22+%7D", "{ text =~ \"a+b\" }"), ("where=a%20b", "a b"),
        ("x=1&where=c%c3%a9", "cé"), ("where=a=b", "a=b"), ("where=", ""), ("where", ""),
        ("&&where=1%", "1%"),
    ])
    func plusIsASpace(query: String, expected: String) {
        #expect(FormQuery.parameters(query)["where"] == [expected])
    }

    @Test func repeatedOnesStayInOrder() {
        #expect(FormQuery.parameters("a=2&b=x&a=1")["a"] == ["2", "1"])
        #expect(FormQuery.parameters("").all.isEmpty)
    }
}
