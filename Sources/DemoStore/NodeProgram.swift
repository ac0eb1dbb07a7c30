import Dispatch
import FoundationEssentials
import NIOCore
import NIOPosix
import Recording

/// A node as a program: messages over TCP on loopback, commands from the program that controls it, facts to that program.
///
/// Everything that happens to the node waits in one line and is taken by one task: the node needs no lock.
package struct NodeProgram {
    private var node: Node
    private let recorder: Recorder
    private let tell: (Fact) -> Void
    private var ports: [String: Int] = [:]
    private var channels: [String: any Channel] = [:]
    /// Whether the network takes everything that the node sends, and brings it nothing.
    private var isIsolated = false
    private var isIsolatedWhenElected = false

    private enum Input: Sendable {
        case message(Message)
        case command(String)
        case tick
    }

    /// - Parameters:
    ///   - patience: How long the node waits for a leader before it wants to be one, in ticks of 50 ms.
    ///   - tell: Takes the facts, the first of them where it listens.
    package init(
        _ name: String, patience: Range<Int>, recorder: Recorder, tell: @escaping (Fact) -> Void
    ) {
        node = Node(name, patience: patience, recorder: recorder)
        self.recorder = recorder
        self.tell = tell
    }

    /// Runs until there are no more commands: `nextCommand` waits for one, and gives nil at the end.
    package mutating func run(nextCommand: @escaping @Sendable () -> String?) async throws {
        let (inputs, line) = AsyncStream.makeStream(
            of: Input.self, bufferingPolicy: .bufferingOldest(Limits.inputsMax))
        let server = try await listen { line.yield(.message($0)) }
        tell(.started(process: "\(recorder.process)", port: server.localAddress?.port ?? 0))
        DispatchQueue.global().async {
            while let command = nextCommand() { line.yield(.command(command)) }
            line.finish()
        }
        let clock = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(Limits.tickMilliseconds))
                line.yield(.tick)
            }
        }
        for await input in inputs {
            switch input {
            case .tick: node.tick()
            case .message(let message): if !isIsolated { node.receive(message) }
            case .command(let text): perform(text)
            }
            await act()
        }
        clock.cancel()
        try await server.close()
        tell(.ended(eventCount: recorder.status.events))
    }

    /// Does what the node wants done.
    private mutating func act() async {
        for action in node.takeActions() {
            switch action {
            case .send(let message, let receivers):
                guard !isIsolated, let line = try? JSONEncoder().encode(message) else { continue }
                for receiver in receivers { await send(line + [UInt8(ascii: "\n")], to: receiver) }
            case .tell(let fact):
                tell(fact)
                if case .elected = fact, isIsolatedWhenElected { isolate() }
            }
        }
    }

    /// `peers n1=PORT n2=PORT …`, `put KEY VALUE`, `isolate`, `isolate-when-elected` or `connect`.
    private mutating func perform(_ command: String) {
        let words = command.split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("peers", 2...): meet(words.dropFirst())
        case ("put", 3): node.put(words[1], words[2])
        case ("isolate", 1): isolate()
        case ("isolate-when-elected", 1):
            isIsolatedWhenElected = true
            tell(.ready)
        case ("connect", 1): connect()
        default: tell(.refused(reason: "no command: \(command)"))
        }
    }

    /// Learns where all nodes are now.
    private mutating func meet(_ places: some Sequence<String>) {
        for place in places {
            let parts = place.split(separator: "=").map(String.init)
            guard parts.count == 2, parts[0] != node.name, let port = Int(parts[1]) else {
                continue
            }
            if ports.updateValue(port, forKey: parts[0]) != port {
                channels.removeValue(forKey: parts[0])?.close(promise: nil)
            }
        }
        node.peers = Set(ports.keys)
    }
}

// MARK: The network, and its faults

extension NodeProgram {
    private mutating func isolate() {
        isIsolated = true
        recorder.record(
            "partition begins", "nothing comes from or gets to \(node.name)", level: .warning)
        tell(.isolated)
    }

    private mutating func connect() {
        if isIsolated { recorder.record("partition ends", level: .warning) }
        isIsolated = false
        isIsolatedWhenElected = false
        tell(.connected)
    }

    /// Sends a line, or loses it: a node has to live with that.
    private mutating func send(_ line: Data, to peer: String) async {
        guard let port = ports[peer] else { return }
        if channels[peer]?.isActive != true {
            channels[peer] = try? await ClientBootstrap(
                group: MultiThreadedEventLoopGroup.singleton
            )
            .connectTimeout(.seconds(Limits.connectSecondsMax))
            .connect(host: "127.0.0.1", port: port).get()
        }
        if let channel = channels[peer], channel.isWritable {
            channel.writeAndFlush(ByteBuffer(bytes: line), promise: nil)
        }
    }

    private func listen(_ take: @escaping @Sendable (Message) -> Void) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(Lines(), maximumBufferSize: Limits.lineBytesMax),
                        Receiver(take: take))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }
}

/// Cuts what arrives into lines.
private struct Lines: ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    mutating func decode(
        context: ChannelHandlerContext, buffer: inout ByteBuffer
    ) throws -> DecodingState {
        let view = buffer.readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")),
            let line = buffer.readSlice(length: end - view.startIndex)
        else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 1)
        context.fireChannelRead(wrapInboundOut(line))
        return .continue
    }
}

/// Takes lines for messages. A connection that brings something else is closed.
private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let take: @Sendable (Message) -> Void

    init(take: @escaping @Sendable (Message) -> Void) { self.take = take }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let line = Data(unwrapInboundIn(data).readableBytesView)
        guard let message = try? JSONDecoder().decode(Message.self, from: line) else {
            return context.close(promise: nil)
        }
        take(message)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
